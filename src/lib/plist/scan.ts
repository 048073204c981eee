import { MalformedInput } from '../malformed-input.ts'

/** Longer than any tag of a property list. */
const longestTag = 64
const longestDoctype = 256

/** Goes over the document once, from its beginning to its end. */
export class Scanner {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  /** Up to the first value. */
  readProlog(): void {
    if (this.#text.startsWith('<?xml', this.#at)) this.#readDeclaration()
    this.#skip()
    if (this.#text.startsWith('<!', this.#at)) this.#readDoctype()
    this.#skip()
    const tag = this.#readRawTag()
    if (!/^plist(?:[ \n\t]+version[ \n\t]*=[ \n\t]*(?:"1\.0"|'1\.0'))?[ \n\t]*$/.test(tag))
      throw new MalformedInput('not a property list')
  }

  readEpilog(): void {
    this.#skip()
    if (this.#at < this.#text.length)
      throw new MalformedInput('a property list with something behind its end')
  }

  /** The tag that opens the next element. */
  readTag(): { readonly name: string; readonly empty: boolean } {
    this.#skip()
    const tag = this.#readRawTag()
    const empty = tag.endsWith('/')
    return { name: (empty ? tag.slice(0, -1) : tag).trimEnd(), empty }
  }

  /** Is the next tag the one that closes the element? */
  atEnd(name: string): boolean {
    this.#skip()
    return this.#text.startsWith(`</${name}`, this.#at)
  }

  readEnd(name: string): void {
    this.#skip()
    this.#readClosing(name)
  }

  /** The text of an element that holds nothing else, and the tag that closes it. */
  readText(name: string): string {
    let text = ''
    for (;;) {
      const end = this.#find('<')
      text += decodeEntities(this.#text.slice(this.#at, end))
      this.#at = end
      if (this.#text.startsWith('<![CDATA[', end)) {
        const close = this.#find(']]>')
        text += this.#text.slice(end + '<![CDATA['.length, close)
        this.#at = close + ']]>'.length
      } else if (!this.#skipComment()) {
        this.#readClosing(name)
        return text
      }
    }
  }

  /** White space and comments. */
  #skip(): void {
    do {
      while (isSpace(this.#text.charCodeAt(this.#at))) this.#at++
    } while (this.#skipComment())
  }

  #skipComment(): boolean {
    if (!this.#text.startsWith('<!--', this.#at)) return false
    this.#at += '<!--'.length
    const end = this.#find('--')
    if (this.#text.charCodeAt(end + 2) !== 0x3e) throw new MalformedInput('a comment with -- in it')
    this.#at = end + '-->'.length
    return true
  }

  #readDeclaration(): void {
    const end = this.#find('?>')
    const declaration = this.#text.slice(this.#at, end)
    const encoding = / encoding *= *["']([^"']*)["']/.exec(declaration)?.[1]
    if (encoding !== undefined && !/^(?:utf-8|us-ascii)$/i.test(encoding))
      throw new MalformedInput('a property list in another encoding than UTF-8')
    this.#at = end + '?>'.length
  }

  /** An internal subset could define entities that grow without bound, or that read files: there is none. */
  #readDoctype(): void {
    const end = this.#find('>')
    const doctype = this.#text.slice(this.#at, end)
    if (end - this.#at > longestDoctype || !/^<!DOCTYPE plist(?: (?:PUBLIC|SYSTEM)[^[\]<]*)?$/.test(doctype))
      throw new MalformedInput('a property list with declarations of its own')
    this.#at = end + 1
  }

  /** What stands between `<` and `>`. */
  #readRawTag(): string {
    if (this.#text.charCodeAt(this.#at) !== 0x3c)
      throw new MalformedInput(
        this.#at < this.#text.length
          ? 'a property list with stray text'
          : 'a property list that ends too early',
      )
    const end = this.#find('>')
    if (end - this.#at > longestTag) throw new MalformedInput('a property list with a tag that none has')
    const tag = this.#text.slice(this.#at + 1, end)
    this.#at = end + 1
    return tag
  }

  #readClosing(name: string): void {
    const tag = this.#readRawTag()
    if (tag.trimEnd() !== `/${name}`) throw new MalformedInput('a property list whose elements do not close')
  }

  #find(what: string): number {
    const found = this.#text.indexOf(what, this.#at)
    if (found === -1) throw new MalformedInput('a property list that ends too early')
    return found
  }
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x09
}

const named: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function decodeEntities(text: string): string {
  if (text.includes(']]>')) throw new MalformedInput('a property list with ]]> in text')
  if (!text.includes('&')) return text
  return text.replaceAll(/&([^;&]{0,12})(;?)/g, (_whole, name: string, end: string) => {
    const character = end === '' ? undefined : name.startsWith('#') ? numbered(name) : named[name]
    if (typeof character !== 'string')
      throw new MalformedInput('a property list with an entity that is not XML’s own')
    return character
  })
}

function numbered(reference: string): string | undefined {
  const [, hex, decimal] = /^#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}))$/.exec(reference) ?? []
  const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)
  const isCharacter =
    code === 0x9 ||
    code === 0xa ||
    code === 0xd ||
    (code >= 0x20 && code <= 0xd7ff) ||
    (code >= 0xe000 && code <= 0xfffd) ||
    (code >= 0x10000 && code <= 0x10ffff)
  return isCharacter ? String.fromCodePoint(code) : undefined
}

/**
 * A strict reader for the XML that we write: elements, attributes, text, comments, the five named entities and numeric
 * ones. Whatever a careful parser could stumble over is an error.
 */
export interface Element {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: readonly Element[]
  /** Without that of its children. */
  readonly text: string
}

const nameText = '[A-Za-z_][\\w.:-]*'
const open = new RegExp(`<(${nameText})((?:\\s+${nameText}="[^"<]*")*)\\s*(/?)>`, 'y')
const close = new RegExp(`</(${nameText})>`, 'y')
const comment = /<!--((?:(?!--)[\s\S])*)-->/y
const text = /[^<]+/y

/** @throws SyntaxError */
export function readXml(document: string): Element {
  const body = document
    .replace(/^<\?xml version="1\.0" encoding="UTF-8"\?>\n/, '')
    .replace(/^<!DOCTYPE plist PUBLIC "[^"]*" "[^"]*">\n/, '')
  let at = 0
  const take = (pattern: RegExp) => {
    pattern.lastIndex = at
    const match = pattern.exec(body)
    if (match !== null) at = pattern.lastIndex
    return match
  }
  const fail = (why: string): never => {
    throw new SyntaxError(`${why} at ${JSON.stringify(body.slice(at, at + 40))}`)
  }
  function element(): Element {
    const start = take(open) ?? fail('an element was expected')
    const [, name = '', attributeText = '', empty] = start
    const attributes = readAttributes(attributeText)
    const children: Element[] = []
    let own = ''
    if (empty === '/') return { name, attributes, children, text: own }
    for (;;) {
      const end = take(close)
      if (end !== null) {
        if (end[1] !== name) fail(`</${name}> was expected`)
        return { name, attributes, children, text: own.trim() }
      }
      if (take(comment) !== null) continue
      const characters = take(text)
      if (characters === null) children.push(element())
      else own += decode(characters[0])
    }
  }
  const root = element()
  if (body.slice(at).trim() !== '') fail('nothing more was expected')
  return root
}

function readAttributes(written: string): Record<string, string> {
  const pairs = [...written.matchAll(new RegExp(`(${nameText})="([^"]*)"`, 'g'))]
  const names = pairs.map(([, name]) => name)
  if (new Set(names).size !== names.length) throw new SyntaxError(`an attribute stands twice: ${written}`)
  return Object.fromEntries(pairs.map(([, name = '', value = '']) => [name, decode(value)]))
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function decode(written: string): string {
  if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/.test(written) || !written.isWellFormed())
    throw new SyntaxError('a character that XML cannot hold')
  if (written.includes(']]>')) throw new SyntaxError(']]> in text')
  return written.replace(/&(?:#x([0-9a-f]+);|(\w+);|)/g, (whole, hex?: string, name?: string) => {
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16))
    const character = name === undefined ? undefined : entities[name]
    if (character === undefined) throw new SyntaxError(`not an entity: ${whole}`)
    return character
  })
}

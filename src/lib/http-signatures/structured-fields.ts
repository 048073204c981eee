import { decodeBase64 } from '../base64.ts'
import { SignatureProblem } from './problem.ts'

/**
 * As much of Structured Fields (RFC 9651) as message signatures need: dictionaries of inner lists and of byte
 * sequences. Stricter than the RFC where two readers could differ: a key twice is refused, not overwritten, and so is a
 * parameter twice. Bounded before it reads, and linear.
 */
export type BareItem = string | number | boolean | Token | Uint8Array

/** A token, which is not the string of the same letters. */
export class Token {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

export type Parameters = ReadonlyMap<string, BareItem>

export interface InnerList {
  readonly items: readonly { readonly value: BareItem; readonly parameters: Parameters }[]
  readonly parameters: Parameters
}

const longestField = 4096
const mostMembers = 8
const mostItems = 32
const mostParameters = 16

/** `sig1=("@method" "date");created=1, sig2=…` @throws SignatureProblem */
export function parseInnerLists(field: string): ReadonlyMap<string, InnerList> {
  return parseDictionary(field, (reader) => reader.innerList())
}

/** `sig1=:YWJj:, sig2=…` @throws SignatureProblem */
export function parseByteSequences(field: string): ReadonlyMap<string, Uint8Array> {
  return parseDictionary(field, (reader) => {
    const value = reader.bareItem()
    if (!(value instanceof Uint8Array)) throw malformed('a member is no byte sequence')
    // Nobody has given parameters a meaning here.
    if (reader.parameters().size > 0) throw malformed('a byte sequence has parameters')
    return value
  })
}

function parseDictionary<T>(field: string, read: (reader: Reader) => T): ReadonlyMap<string, T> {
  if (field.length > longestField) throw malformed('a field is too long')
  const reader = new Reader(field)
  const members = new Map<string, T>()
  reader.skipSpaces()
  while (!reader.atEnd()) {
    const key = reader.key()
    if (members.has(key)) throw malformed('a label stands there twice')
    if (members.size === mostMembers) throw malformed('too many members')
    if (!reader.takes('=')) throw malformed('a member has no value')
    members.set(key, read(reader))
    reader.skipWhitespace()
    if (reader.atEnd()) break
    if (!reader.takes(',')) throw malformed('members are not separated by commas')
    reader.skipWhitespace()
    if (reader.atEnd()) throw malformed('a comma stands at the end')
  }
  return members
}

function malformed(rule: string): SignatureProblem {
  return new SignatureProblem('malformed', rule)
}

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  atEnd(): boolean {
    return this.#at >= this.#text.length
  }

  takes(character: string): boolean {
    if (this.#text[this.#at] !== character) return false
    this.#at++
    return true
  }

  skipSpaces(): void {
    while (this.#text[this.#at] === ' ') this.#at++
  }

  skipWhitespace(): void {
    while (this.#text[this.#at] === ' ' || this.#text[this.#at] === '\t') this.#at++
  }

  key(): string {
    return this.#matched(/[a-z*][a-z0-9_.*-]{0,63}/y, 'a name is not valid')
  }

  innerList(): InnerList {
    if (!this.takes('(')) throw malformed('a member is no list')
    const items: InnerList['items'][number][] = []
    for (;;) {
      this.skipSpaces()
      if (this.takes(')')) return { items, parameters: this.parameters() }
      if (items.length === mostItems) throw malformed('a list is too long')
      items.push({ value: this.bareItem(), parameters: this.parameters() })
      const next = this.#text[this.#at]
      if (next !== ' ' && next !== ')') throw malformed('a list does not end')
    }
  }

  parameters(): Parameters {
    const parameters = new Map<string, BareItem>()
    while (this.takes(';')) {
      this.skipSpaces()
      const key = this.key()
      if (parameters.has(key)) throw malformed('a parameter stands there twice')
      if (parameters.size === mostParameters) throw malformed('too many parameters')
      parameters.set(key, this.takes('=') ? this.bareItem() : true)
    }
    return parameters
  }

  bareItem(): BareItem {
    switch (this.#text[this.#at]) {
      case '"':
        return this.#string()
      case ':':
        return this.#bytes()
      case '?':
        return this.#matched(/\?[01]/y, 'a boolean is not valid') === '?1'
      default:
        return this.#numberOrToken()
    }
  }

  #string(): string {
    const quoted = this.#matched(/"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"/y, 'a string is not valid')
    return quoted.slice(1, -1).replace(/\\(["\\])/g, '$1')
  }

  #bytes(): Uint8Array {
    const encoded = this.#matched(/:[A-Za-z0-9+/=]*:/y, 'a byte sequence is not valid').slice(1, -1)
    const bytes = decodeBase64(encoded)
    if (bytes === undefined) throw malformed('a byte sequence is no base64')
    return bytes
  }

  /** No decimals: nothing here is one. */
  #numberOrToken(): number | Token {
    if (/[-0-9]/.test(this.#text[this.#at] ?? '')) {
      const digits = this.#matched(/-?\d{1,15}(?![\d.])/y, 'a number is not valid')
      return Number(digits)
    }
    return new Token(this.#matched(/[A-Za-z*][A-Za-z0-9!#$%&'*+.^_`|~:/-]{0,127}/y, 'a value is not valid'))
  }

  #matched(pattern: RegExp, rule: string): string {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found === undefined) throw malformed(rule)
    this.#at += found.length
    return found
  }
}

/** The canonical form (RFC 9651, 4.1): what is signed is this, however the field was spaced. */
export function serialiseInnerList({ items, parameters }: InnerList): string {
  const list = items.map((item) => serialiseItem(item.value) + serialiseParameters(item.parameters))
  return `(${list.join(' ')})${serialiseParameters(parameters)}`
}

function serialiseParameters(parameters: Parameters): string {
  let text = ''
  for (const [key, value] of parameters)
    text += value === true ? `;${key}` : `;${key}=${serialiseItem(value)}`
  return text
}

function serialiseItem(value: BareItem): string {
  if (typeof value === 'string') return `"${value.replace(/["\\]/g, '\\$&')}"`
  if (typeof value === 'number') return String(value)
  if (typeof value === 'boolean') return value ? '?1' : '?0'
  if (value instanceof Token) return value.text
  return `:${Buffer.from(value).toString('base64')}:`
}

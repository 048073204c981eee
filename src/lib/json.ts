import { MalformedInput } from './malformed-input.ts'

const maxDepth = 32
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Parses JSON from outside: valid UTF-8 without byte order mark, at most 32 levels deep, and no object that has a
 * member twice — of two such members one reader takes the first and the next reader the last.
 * @throws MalformedInput
 */
export function parseStrictJson(bytes: Uint8Array): unknown {
  try {
    const text = utf8.decode(bytes)
    refuseDepthAndDuplicates(text)
    return JSON.parse(text)
  } catch (cause) {
    if (cause instanceof MalformedInput) throw cause
    throw new MalformedInput('not JSON', { cause })
  }
}

/** The object that the JSON text holds. @throws MalformedInput when it holds anything else */
export function parseJsonObject(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  const value = parseStrictJson(bytes)
  if (!isObject(value)) throw new MalformedInput('not a JSON object')
  return value
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The own member `name` when it is a string that is not empty. */
export function stringMember(object: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = Object.hasOwn(object, name) ? object[name] : undefined
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** Walks the text once, before JSON.parse recurses into it. Whether the text is JSON at all is for JSON.parse to say. */
function refuseDepthAndDuplicates(text: string): void {
  const open: (Set<string> | undefined)[] = []
  for (let index = 0; index < text.length; index++) {
    const character = text.charCodeAt(index)
    if (character === 0x22) index = readString(text, index, open.at(-1))
    else if (character === 0x7b) open.push(new Set())
    else if (character === 0x5b) open.push(undefined)
    else if (character === 0x7d || character === 0x5d) open.pop()
    if (open.length > maxDepth) throw new MalformedInput('JSON is nested too deeply')
  }
}

/** @returns the index of the closing quote */
function readString(text: string, start: number, names: Set<string> | undefined): number {
  let end = start + 1
  while (end < text.length && text.charCodeAt(end) !== 0x22) end += text.charCodeAt(end) === 0x5c ? 2 : 1
  if (names !== undefined && isMemberName(text, end + 1)) {
    const name: unknown = JSON.parse(text.slice(start, end + 1))
    if (names.has(name as string)) throw new MalformedInput('a JSON object has a member twice')
    names.add(name as string) // a quoted JSON text parses to a string
  }
  return end
}

function isMemberName(text: string, from: number): boolean {
  let index = from
  while (' \t\r\n'.includes(text.charAt(index)) && index < text.length) index++
  return text.charCodeAt(index) === 0x3a
}

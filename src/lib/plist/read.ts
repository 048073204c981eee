import { decodeBase64 } from '../base64.ts'
import { MalformedInput } from '../malformed-input.ts'
import { Scanner } from './scan.ts'
import { isPlistDict, type PlistDict, PlistReal, type PlistValue } from './values.ts'

export interface PlistLimits {
  readonly maxBytes: number
  readonly maxDepth: number
  /** Values and keys in all. */
  readonly maxNodes: number
}

const usual: PlistLimits = { maxBytes: 1024 * 1024, maxDepth: 32, maxNodes: 100_000 }

/**
 * Reads an XML property list: UTF-8, Apple's DOCTYPE or none, no entity but XML's five and numbers, no key twice. A
 * binary one is refused.
 * @throws MalformedInput
 */
export function readPlist(bytes: Uint8Array, limits: Partial<PlistLimits> = {}): PlistValue {
  const { maxBytes, maxDepth, maxNodes } = { ...usual, ...limits }
  if (bytes.length > maxBytes) throw new MalformedInput('a property list that is too large')
  if (isBinary(bytes)) throw new MalformedInput('a binary property list: only XML ones are read')
  const reader: Reader = { scanner: new Scanner(decode(bytes)), depthLeft: maxDepth, nodesLeft: maxNodes }
  const { scanner } = reader
  scanner.readProlog()
  const value = readValue(reader, scanner.readTag())
  scanner.readEnd('plist')
  scanner.readEpilog()
  return value
}

/** @throws MalformedInput also when the property list is not a dict */
export function readPlistDict(bytes: Uint8Array, limits: Partial<PlistLimits> = {}): PlistDict {
  const value = readPlist(bytes, limits)
  if (!isPlistDict(value)) throw new MalformedInput('a property list that is not a dictionary')
  return value
}

interface Reader {
  readonly scanner: Scanner
  depthLeft: number
  nodesLeft: number
}

interface Tag {
  readonly name: string
  readonly empty: boolean
}

function isBinary(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(0, 6)).toString('latin1') === 'bplist'
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function decode(bytes: Uint8Array): string {
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch (cause) {
    throw new MalformedInput('a property list that is not UTF-8', { cause })
  }
  // XML 1.0, 2.2: no document holds these, however they are written.
  if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/.test(text))
    throw new MalformedInput('a property list with characters that XML does not have')
  return text.includes('\r') ? text.replaceAll(/\r\n?/g, '\n') : text
}

function readValue(reader: Reader, { name, empty }: Tag): PlistValue {
  count(reader)
  switch (name) {
    case 'dict':
      return empty ? {} : nested(reader, readDict)
    case 'array':
      return empty ? [] : nested(reader, readArray)
    case 'true':
    case 'false':
      if (!empty && reader.scanner.readText(name).trim() !== '')
        throw new MalformedInput(`a property list’s <${name}> with text`)
      return name === 'true'
    default:
      return readScalar(name, empty ? '' : reader.scanner.readText(name))
  }
}

function readScalar(name: string, text: string): PlistValue {
  switch (name) {
    case 'string':
      return text
    case 'integer':
      return readInteger(text.trim())
    case 'real':
      return readReal(text.trim())
    case 'date':
      return readDate(text.trim())
    case 'data':
      return readData(text)
    default:
      throw new MalformedInput('a property list with an element that none has')
  }
}

function count(reader: Reader): void {
  reader.nodesLeft -= 1
  if (reader.nodesLeft < 0) throw new MalformedInput('a property list with too many values')
}

function nested<T>(reader: Reader, read: (reader: Reader) => T): T {
  if (reader.depthLeft === 0) throw new MalformedInput('a property list that is nested too deeply')
  reader.depthLeft -= 1
  const value = read(reader)
  reader.depthLeft += 1
  return value
}

function readDict(reader: Reader): PlistDict {
  const { scanner } = reader
  const dict: Record<string, PlistValue> = {}
  while (!scanner.atEnd('dict')) {
    const tag = scanner.readTag()
    if (tag.name !== 'key') throw new MalformedInput('a property list’s value without a key')
    count(reader)
    const key = tag.empty ? '' : scanner.readText('key')
    // Assigned to, it would be the object's prototype.
    if (key === '__proto__') throw new MalformedInput('a property list with the key __proto__')
    if (Object.hasOwn(dict, key)) throw new MalformedInput('a property list that has a key twice')
    if (scanner.atEnd('dict')) throw new MalformedInput('a property list’s key without a value')
    dict[key] = readValue(reader, scanner.readTag())
  }
  scanner.readEnd('dict')
  return dict
}

function readArray(reader: Reader): PlistValue[] {
  const { scanner } = reader
  const values: PlistValue[] = []
  while (!scanner.atEnd('array')) values.push(readValue(reader, scanner.readTag()))
  scanner.readEnd('array')
  return values
}

const [leastInteger, greatestInteger] = [-(2n ** 63n), 2n ** 64n - 1n]

function readInteger(text: string): number | bigint {
  if (!/^[+-]?[0-9]{1,20}$/.test(text)) throw new MalformedInput('a property list’s integer that is none')
  const number = Number(text)
  if (Number.isSafeInteger(number)) return number === 0 ? 0 : number
  const integer = BigInt(text.startsWith('+') ? text.slice(1) : text)
  if (integer < leastInteger || integer > greatestInteger)
    throw new MalformedInput('a property list’s integer beyond 64 bits')
  return integer
}

/** What Apple's writer makes of numbers that are none. */
const notFinite: Readonly<Record<string, number>> = {
  nan: Number.NaN,
  '+infinity': Number.POSITIVE_INFINITY,
  '-infinity': Number.NEGATIVE_INFINITY,
}

function readReal(text: string): PlistReal {
  const special = Object.hasOwn(notFinite, text) ? notFinite[text] : undefined
  if (special !== undefined) return new PlistReal(special)
  if (text.length > 64 || !/^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?$/.test(text))
    throw new MalformedInput('a property list’s real that is none')
  return new PlistReal(Number(text))
}

function readDate(text: string): Date {
  const date = new Date(
    /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$/.test(text) ? text : Number.NaN,
  )
  // JavaScript makes 2 March of 30 February.
  if (Number.isNaN(date.getTime()) || `${date.toISOString().slice(0, 19)}Z` !== text)
    throw new MalformedInput('a property list’s date that is none')
  return date
}

function readData(text: string): Uint8Array {
  const bytes = decodeBase64(text.replaceAll(/[ \t\n]+/g, ''))
  if (bytes === undefined) throw new MalformedInput('a property list’s data that is not base64')
  return bytes
}

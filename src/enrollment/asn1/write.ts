import forge from 'node-forge'
import { type Asn1, context, tags } from './asn1.ts'

const constructedBit = 0x20

/** DER of one value: `tag` with the bit for constructed where it holds others. */
function der(identifier: number, parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  return Buffer.concat([Buffer.from([identifier, ...lengthBytes(length)]), ...parts])
}

function lengthBytes(length: number): number[] {
  if (length < 0x80) return [length]
  const bytes: number[] = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest & 0xff)
  return [0x80 | bytes.length, ...bytes]
}

/** What was read, as DER: definite lengths; the order of sets is left as it is. */
export function encode(node: Asn1): Buffer {
  return node.children === undefined
    ? der(node.tag, [node.bytes])
    : der(node.tag | constructedBit, node.children.map(encode))
}

export function sequence(...parts: readonly Buffer[]): Buffer {
  return der(tags.sequence | constructedBit, parts)
}

/** A SET OF in the order that DER wants. */
export function setOf(...parts: readonly Buffer[]): Buffer {
  return der(tags.set | constructedBit, sorted(parts))
}

/** The same under the implicit tag `[number]`. */
export function implicitSetOf(number: number, ...parts: readonly Buffer[]): Buffer {
  return der(context(number) | constructedBit, sorted(parts))
}

function sorted(parts: readonly Buffer[]): Buffer[] {
  return [...parts].sort(Buffer.compare)
}

/** `[number]` around whole values. */
export function explicit(number: number, ...parts: readonly Buffer[]): Buffer {
  return der(context(number) | constructedBit, parts)
}

/** `[number]` in place of a primitive value's own tag. */
export function implicit(number: number, bytes: Buffer): Buffer {
  return der(context(number), [bytes])
}

/** A non-negative INTEGER; bytes are taken as unsigned, big-endian. */
export function integer(value: number | Buffer): Buffer {
  let bytes = typeof value === 'number' ? Buffer.from(numberBytes(value)) : value
  while (bytes.length > 1 && bytes[0] === 0) bytes = bytes.subarray(1)
  if (bytes.length === 0 || bytes[0]! >= 0x80) bytes = Buffer.concat([Buffer.from([0]), bytes])
  return der(tags.integer, [bytes])
}

function numberBytes(value: number): number[] {
  const bytes: number[] = []
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest & 0xff)
  return bytes
}

export function oid(dotted: string): Buffer {
  return der(tags.oid, [Buffer.from(forge.asn1.oidToDer(dotted).getBytes(), 'latin1')])
}

/** `SEQUENCE { oid, parameters }`; without parameters when there are none. */
export function algorithm(dotted: string, ...parameters: readonly Buffer[]): Buffer {
  return sequence(oid(dotted), ...parameters)
}

export function octetString(bytes: Buffer): Buffer {
  return der(tags.octetString, [bytes])
}

export function bitString(bytes: Buffer, unusedBits = 0): Buffer {
  return der(tags.bitString, [Buffer.from([unusedBits]), bytes])
}

export function nullValue(): Buffer {
  return der(tags.null, [])
}

export function boolean(value: boolean): Buffer {
  return der(tags.boolean, [Buffer.from([value ? 0xff : 0])])
}

export function enumerated(value: number): Buffer {
  return der(tags.enumerated, [Buffer.from([value])])
}

export function utf8String(text: string): Buffer {
  return der(tags.utf8String, [Buffer.from(text, 'utf8')])
}

export function printableString(text: string): Buffer {
  return der(tags.printableString, [Buffer.from(text, 'latin1')])
}

export function ia5String(text: string): Buffer {
  return der(tags.ia5String, [Buffer.from(text, 'latin1')])
}

/** Seconds since the epoch are what X.509 keeps: UTCTime until 2049, GeneralizedTime after (RFC 5280, 4.1.2.5). */
export function time(at: number): Buffer {
  const digits = new Date(at)
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replaceAll(/[-:T]/g, '')
  const year = Number(digits.slice(0, 4))
  if (year >= 1950 && year < 2050) return der(tags.utcTime, [Buffer.from(digits.slice(2), 'latin1')])
  return generalizedTime(at)
}

export function generalizedTime(at: number): Buffer {
  const digits = new Date(at)
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replaceAll(/[-:T]/g, '')
  return der(tags.generalizedTime, [Buffer.from(digits, 'latin1')])
}

import forge from 'node-forge'
import { type Asn1, Asn1Error, context, tags } from './asn1.ts'
import { type Asn1Bounds, checkBounds, usualBounds } from './bounds.ts'

/** Reads one value, DER or BER, and nothing behind it. @throws {Asn1Error} */
export function readAsn1(bytes: Buffer, bounds: Partial<Asn1Bounds> = {}): Asn1 {
  checkBounds(bytes, { ...usualBounds, ...bounds })
  try {
    // Bit strings are not guessed to hold ASN.1: the types do not know the option.
    const options = { strict: true, parseAllBytes: true, decodeBitStrings: false } as unknown as boolean
    return fromForge(forge.asn1.fromDer(bytes.toString('latin1'), options))
  } catch (cause) {
    throw new Asn1Error('Not ASN.1', { cause })
  }
}

const bmpNumber = 0x1e
const nothing = Buffer.alloc(0)

function fromForge(node: forge.asn1.Asn1): Asn1 {
  const tag = node.tagClass | node.type
  if (typeof node.value !== 'string') return { tag, children: node.value.map(fromForge), bytes: nothing }
  const wide = (node.type as number) === bmpNumber
  const bytes = wide ? Buffer.from(node.value, 'utf16le').swap16() : Buffer.from(node.value, 'latin1')
  return { tag, bytes }
}

/** The values within; `tag` is what the value must be. @throws {Asn1Error} */
export function childrenOf(node: Asn1 | undefined, tag: number = tags.sequence): readonly Asn1[] {
  if (node?.tag !== tag || node.children === undefined) throw new Asn1Error('Another structure was expected')
  return node.children
}

/** The first child that has the tag `[number]`. */
export function tagged(children: readonly Asn1[], number: number): Asn1 | undefined {
  return children.find(({ tag }) => tag === context(number))
}

/** @returns such as `1.2.840.113549.1.7.2` */
export function oidOf(node: Asn1 | undefined): string {
  const bytes = primitive(node, tags.oid)
  const last = bytes.at(-1)
  if (last === undefined || last >= 0x80 || bytes.length > 64) throw new Asn1Error('Not an object identifier')
  return forge.asn1.derToOid(bytes.toString('latin1'))
}

/** The bytes of an INTEGER as they stand, two's complement. */
export function integerBytes(node: Asn1 | undefined): Buffer {
  const bytes = primitive(node, tags.integer)
  if (bytes.length === 0) throw new Asn1Error('Not an integer')
  return bytes
}

/** A small non-negative INTEGER, such as a version. */
export function smallInteger(node: Asn1 | undefined): number {
  const bytes = integerBytes(node)
  if (bytes.length > 4 || bytes[0]! >= 0x80) throw new Asn1Error('Not a small integer')
  return bytes.readUIntBE(0, bytes.length)
}

/** A serial number as X.509 tools print it: hexadecimal, upper case, without leading zeros. */
export function serialText(node: Asn1 | undefined): string {
  const hex = integerBytes(node).toString('hex').toUpperCase()
  return hex.replace(/^(?:00)+(?=.)/, '')
}

/**
 * The bytes of an OCTET STRING, or of `tag` when it stands for one implicitly. BER may send them in pieces, of which
 * each may be in pieces again.
 */
export function octetsOf(node: Asn1 | undefined, tag: number = tags.octetString): Buffer {
  if (node?.tag !== tag) throw new Asn1Error('An octet string was expected')
  if (node.children === undefined) return node.bytes
  return Buffer.concat(node.children.map((piece) => octetsOf(piece)))
}

/** The bytes of a BIT STRING of whole bytes. */
export function bitsOf(node: Asn1 | undefined): Buffer {
  const bytes = primitive(node, tags.bitString)
  if (bytes[0] !== 0) throw new Asn1Error('A bit string of whole bytes was expected')
  return bytes.subarray(1)
}

/** The text of any string type that X.509 and PKCS #9 use. */
export function textOf(node: Asn1 | undefined): string {
  switch (node?.children === undefined ? node?.tag : undefined) {
    case tags.utf8String:
      return node!.bytes.toString('utf8')
    case tags.printableString:
    case tags.ia5String:
    case tags.t61String:
      return node!.bytes.toString('latin1')
    case tags.bmpString:
      return Buffer.from(node!.bytes).swap16().toString('utf16le')
    default:
      throw new Asn1Error('A text was expected')
  }
}

/** @returns milliseconds since the epoch */
export function timeOf(node: Asn1 | undefined): number {
  const text = primitive(node, node?.tag === tags.utcTime ? tags.utcTime : tags.generalizedTime).toString(
    'latin1',
  )
  const parts = /^(\d{2}|\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(text)
  if (parts === null || (parts[1]!.length === 2) !== (node?.tag === tags.utcTime))
    throw new Asn1Error('Not a time')
  const [, year, month, day, hour, minute, second] = parts.map(Number)
  const century = parts[1]!.length === 4 ? 0 : year! < 50 ? 2000 : 1900 // RFC 5280, 4.1.2.5.1
  return Date.UTC(century + year!, month! - 1, day, hour, minute, second)
}

function primitive(node: Asn1 | undefined, tag: number): Buffer {
  if (node?.tag !== tag || node.children !== undefined) throw new Asn1Error('Another value was expected')
  return node.bytes
}

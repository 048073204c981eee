import { Asn1Error } from './asn1.ts'

export interface Asn1Bounds {
  readonly maxBytes: number
  readonly maxDepth: number
  readonly maxValues: number
}

export const usualBounds: Asn1Bounds = { maxBytes: 1024 * 1024, maxDepth: 32, maxValues: 20_000 }

const indefinite = -1

/**
 * Walks over the values without building anything, so that the recursive parser behind it only sees what it can take:
 * no nesting that exhausts the stack, no million empty values, no length that two readers could take in two ways.
 */
export function checkBounds(bytes: Buffer, bounds: Asn1Bounds): void {
  if (bytes.length > bounds.maxBytes) throw new Asn1Error(`More than ${bounds.maxBytes} bytes`)
  const ends: number[] = []
  let at = 0
  let values = 0
  do {
    const closed = closeAt(bytes, at, ends)
    if (closed !== undefined) {
      at = closed
      continue
    }
    if (++values > bounds.maxValues) throw new Asn1Error(`More than ${bounds.maxValues} values`)
    const head = readHead(bytes, at, enclosingEnd(ends, bytes.length))
    at = head.contentAt
    if (!head.constructed) {
      at += head.length
      continue
    }
    ends.push(head.length === indefinite ? indefinite : at + head.length)
    if (ends.length >= bounds.maxDepth) throw new Asn1Error(`Nested more than ${bounds.maxDepth} deep`)
  } while (ends.length > 0)
  if (at !== bytes.length) throw new Asn1Error('Something follows the value')
}

/** @returns where to go on when the innermost open value ends here */
function closeAt(bytes: Buffer, at: number, ends: number[]): number | undefined {
  const end = ends.at(-1)
  if (end === at) {
    ends.pop()
    return at
  }
  if (end === indefinite && bytes[at] === 0 && bytes[at + 1] === 0) {
    ends.pop()
    return at + 2
  }
  return undefined
}

function enclosingEnd(ends: readonly number[], whole: number): number {
  return ends.findLast((end) => end !== indefinite) ?? whole
}

function readHead(bytes: Buffer, at: number, end: number) {
  if (at + 2 > end) throw new Asn1Error('Ends within a value')
  const identifier = bytes[at]!
  const constructed = (identifier & 0x20) !== 0
  const number = identifier & 0x1f
  if (number === 0x1f) throw new Asn1Error('Tags above 30 are not used here')
  if ((identifier & 0xdf) === 0) throw new Asn1Error('An end mark where nothing ends')
  const { length, contentAt } = readLength(bytes, at + 1, end)
  if (length === indefinite && !constructed) throw new Asn1Error('A primitive value without a length')
  if (contentAt + Math.max(length, 0) > end) throw new Asn1Error('A value is longer than what holds it')
  // BMPString; the parser behind would read one byte too many.
  if (number === 0x1e && !constructed && length % 2 === 1) throw new Asn1Error('Half a character')
  return { constructed, length, contentAt }
}

function readLength(bytes: Buffer, at: number, end: number): { length: number; contentAt: number } {
  const first = bytes[at]!
  if (first < 0x80) return { length: first, contentAt: at + 1 }
  if (first === 0x80) return { length: indefinite, contentAt: at + 1 }
  const count = first & 0x7f
  if (count > 4 || at + 1 + count > end) throw new Asn1Error('A length that nothing has')
  return { length: bytes.readUIntBE(at + 1, count), contentAt: at + 1 + count }
}

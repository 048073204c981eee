import { MalformedInput } from '../lib/malformed-input.ts'

interface Element {
  readonly tag: number
  readonly content: Buffer
}

const initialToken = 0x60
const furtherToken = 0xa1
const sequence = 0x30
const octetString = 0x04
const objectIdentifier = 0x06
/** [2] of NegTokenInit and of NegTokenResp alike: the token of the way of signing in that was chosen. */
const mechanismTokenTag = 0xa2
const spnegoOid = Buffer.from('2b0601050502', 'hex')

/**
 * The token within the wrapping of SPNEGO (RFC 4178 4.2). It is found by the structure alone: bytes elsewhere in the
 * message may look like a token, and the server does not look there.
 * @returns undefined when there is none, or the bytes are not SPNEGO from end to end
 */
export function mechanismToken(bytes: Buffer): Buffer | undefined {
  try {
    return findToken(bytes)
  } catch (error) {
    if (error instanceof MalformedInput) return undefined
    throw error
  }
}

function findToken(bytes: Buffer): Buffer | undefined {
  const negotiation = unwrap(bytes)
  if (negotiation === undefined) return undefined
  const elements = readAll(only(negotiation, sequence))
  const rising = elements.every(({ tag }, index) => index === 0 || tag > (elements[index - 1]?.tag ?? 0))
  if (!rising) throw new MalformedInput('SPNEGO elements out of their order')
  const token = elements.find(({ tag }) => tag === mechanismTokenTag)
  return token === undefined ? undefined : only(token.content, octetString)
}

function unwrap(bytes: Buffer): Buffer | undefined {
  if (bytes[0] === furtherToken) return only(bytes, furtherToken)
  if (bytes[0] !== initialToken) return undefined
  const [mechanism, negotiation, ...more] = readAll(only(bytes, initialToken), 2)
  if (mechanism?.tag !== objectIdentifier || !mechanism.content.equals(spnegoOid)) return undefined
  if (negotiation?.tag !== 0xa0 || more.length > 0) throw new MalformedInput('SPNEGO without a negotiation')
  return negotiation.content
}

/** The content of the one element that the bytes hold. */
function only(bytes: Buffer, tag: number): Buffer {
  const [element, ...more] = readAll(bytes, 1)
  if (element?.tag !== tag || more.length > 0)
    throw new MalformedInput('not the SPNEGO element that belongs here')
  return element.content
}

const mostElements = 8

/** DER elements one after another, to the last byte. */
function readAll(bytes: Buffer, most = mostElements): Element[] {
  const elements: Element[] = []
  for (let at = 0; at < bytes.length; ) {
    if (elements.length === most) throw new MalformedInput('too many SPNEGO elements')
    const { start, length } = readLength(bytes, at + 1)
    if (start + length > bytes.length) throw new MalformedInput('a SPNEGO element runs past the end')
    elements.push({ tag: bytes[at] as number, content: bytes.subarray(start, start + length) })
    at = start + length
  }
  return elements
}

/** Definite lengths of at most two bytes: a header field holds no more. */
function readLength(bytes: Buffer, at: number): { readonly start: number; readonly length: number } {
  const first = bytes[at]
  if (first === undefined) throw new MalformedInput('SPNEGO is cut short')
  if (first < 0x80) return { start: at + 1, length: first }
  const size = first - 0x80
  if (size < 1 || size > 2 || at + 1 + size > bytes.length) throw new MalformedInput('a length in SPNEGO')
  return { start: at + 1 + size, length: bytes.readUIntBE(at + 1, size) }
}

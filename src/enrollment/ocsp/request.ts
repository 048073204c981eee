import { type Asn1, Asn1Error, tags } from '../asn1/asn1.ts'
import { oids } from '../asn1/oids.ts'
import {
  childrenOf,
  integerBytes,
  octetsOf,
  oidOf,
  readAsn1,
  serialText,
  smallInteger,
} from '../asn1/read.ts'
import { encode } from '../asn1/write.ts'
import { algorithmOid, digestOf } from '../cms/algorithms.ts'

/** A certificate as OCSP names it (RFC 6960, 4.1.1). */
export interface CertificateId {
  /** DER of the whole, which the answer repeats. */
  readonly der: Buffer
  readonly digest: 'sha1' | 'sha256'
  readonly nameHash: Buffer
  readonly keyHash: Buffer
  /** Hexadecimal, upper case, without leading zeros. */
  readonly serial: string
}

export interface OcspRequest {
  /** At least one. */
  readonly ids: readonly CertificateId[]
  /** What its extension holds, as it came. */
  readonly nonce?: Buffer
}

const bounds = { maxBytes: 3072, maxDepth: 12, maxValues: 300 }
const mostIds = 8
/** RFC 9654 allows 128 bytes, in an OCTET STRING; some send them without it. */
const longestNonce = 128 + 3

/**
 * Who asks is of no interest: a signature is not looked at.
 *
 * @throws {Asn1Error}
 */
export function readOcspRequest(message: Buffer): OcspRequest {
  const [toBeSigned, ...signature] = childrenOf(readAsn1(message, bounds))
  if (signature.length > 1 || signature.some(({ tag }) => tag !== 0x80)) throw new Asn1Error('Not a request')
  const { list, extensions } = partsOf(childrenOf(toBeSigned))
  const ids = childrenOf(list).map(certificateId)
  if (ids.length === 0 || ids.length > mostIds) throw new Asn1Error('None or too many are asked for')
  const nonce = nonceOf(extensions)
  return { ids, ...(nonce !== undefined && { nonce }) }
}

/** Version and name of who asks come before the list, extensions after it; each at most once, and nothing else. */
function partsOf(fields: readonly Asn1[]) {
  const at = fields.findIndex(({ tag }) => tag === tags.sequence)
  const before = fields.slice(0, Math.max(at, 0)).map(({ tag }) => tag)
  const after = fields.slice(at + 1)
  const isKnown = ['', '128', '129', '128,129'].includes(before.join())
  if (at < 0 || !isKnown || after.length > 1 || after.some(({ tag }) => tag !== 0x82))
    throw new Asn1Error('Not a request')
  if (before[0] === 0x80 && smallInteger(childrenOf(fields[0], 0x80)[0]) !== 0)
    throw new Asn1Error('Another version')
  return { list: fields[at], extensions: after[0] }
}

function certificateId(request: Asn1): CertificateId {
  const [id, ...extensions] = childrenOf(request)
  if (extensions.length > 1 || extensions.some(({ tag }) => tag !== 0x80))
    throw new Asn1Error('Not a request')
  refuseCritical(extensions[0])
  const [algorithm, name, key, serial, ...more] = childrenOf(id)
  const digest = digestOf(algorithmOid(algorithm))
  if (more.length > 0 || integerBytes(serial).length > 21) throw new Asn1Error('Not a certificate’s id')
  if (digest !== 'sha1' && digest !== 'sha256') throw new Asn1Error('Another digest')
  return {
    der: encode(id!),
    digest,
    nameHash: octetsOf(name),
    keyHash: octetsOf(key),
    serial: serialText(serial),
  }
}

function nonceOf(extensions: Asn1 | undefined): Buffer | undefined {
  refuseCritical(extensions)
  const found = listOf(extensions).filter(([id]) => oidOf(id) === oids.ocspNonce)
  if (found.length > 1) throw new Asn1Error('Two nonces')
  if (found[0] === undefined) return undefined
  const nonce = octetsOf(found[0].at(-1))
  if (nonce.length === 0 || nonce.length > longestNonce) throw new Asn1Error('Not a nonce')
  return nonce
}

/** What must be understood and is not. */
function refuseCritical(extensions: Asn1 | undefined): void {
  for (const [id, critical, value] of listOf(extensions))
    if (value !== undefined && critical?.bytes[0] !== 0 && oidOf(id) !== oids.ocspNonce)
      throw new Asn1Error('An extension that is not known')
}

function listOf(extensions: Asn1 | undefined): (readonly Asn1[])[] {
  if (extensions === undefined) return []
  return childrenOf(childrenOf(extensions, extensions.tag)[0]).map((one) => childrenOf(one))
}

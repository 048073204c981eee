import { createHash, type KeyObject, sign, type X509Certificate } from 'node:crypto'
import { oids } from '../asn1/oids.ts'
import {
  algorithm,
  explicit,
  implicitSetOf,
  integer,
  nullValue,
  octetString,
  oid,
  sequence,
  setOf,
  time,
} from '../asn1/write.ts'
import { digestOids } from './algorithms.ts'
import { namesOf } from './certificate-names.ts'
import type { Digest, SignOptions } from './cms.ts'

type NewDigest = Exclude<Digest, 'sha1'>

/** Signs `content`, with attributes. @returns DER of the message, definite lengths throughout */
export function signData(options: SignOptions): Buffer {
  const { content, detached = false, digest = 'sha256' } = options
  return signedMessage(options, {
    encapsulated: detached
      ? sequence(oid(oids.data))
      : sequence(oid(oids.data), explicit(0, octetString(content))),
    digest,
  })
}

/** Signs attributes over no content at all: a SCEP answer that refuses or asks to wait. */
export function signWithoutContent(options: Omit<SignOptions, 'content' | 'detached'>): Buffer {
  return signData({ ...options, content: Buffer.alloc(0), detached: true })
}

function signedMessage(
  options: SignOptions,
  { encapsulated, digest }: { readonly encapsulated: Buffer; readonly digest: NewDigest },
): Buffer {
  const { signer, chain = [] } = options
  const certificates = [signer.certificate, ...chain].map(({ raw }) => raw)
  const signedData = sequence(
    integer(1),
    setOf(algorithm(digestOids[digest], nullValue())),
    encapsulated,
    // The signer's first: some clients take it without looking further.
    explicit(0, ...certificates),
    setOf(signerInfo(options, digest)),
  )
  return sequence(oid(oids.signedData), explicit(0, signedData))
}

function signerInfo({ content, signer, attributes, signingTime }: SignOptions, digest: NewDigest): Buffer {
  const signed = [
    attribute(oids.contentType, oid(oids.data)),
    attribute(oids.messageDigest, octetString(createHash(digest).update(content).digest())),
    attribute(oids.signingTime, time(signingTime)),
    ...[...(attributes ?? [])].map(([name, value]) => attribute(name, value)),
  ]
  return sequence(
    integer(1),
    issuerAndSerial(signer.certificate),
    algorithm(digestOids[digest], nullValue()),
    implicitSetOf(0, ...signed),
    signatureAlgorithm(signer.key, digest),
    octetString(sign(digest, setOf(...signed), signer.key)),
  )
}

function attribute(name: string, value: Buffer): Buffer {
  return sequence(oid(name), setOf(value))
}

export function issuerAndSerial(certificate: X509Certificate): Buffer {
  const { issuer, serialDer } = namesOf(certificate)
  return sequence(issuer, serialDer)
}

const ecdsa: Readonly<Record<NewDigest, string>> = {
  sha256: oids.ecdsaWithSha256,
  sha384: oids.ecdsaWithSha384,
  sha512: oids.ecdsaWithSha512,
}

/** `rsaEncryption`, as OpenSSL writes it: at least one SCEP client refuses anything more precise. */
function signatureAlgorithm(key: KeyObject, digest: NewDigest): Buffer {
  if (key.asymmetricKeyType === 'ec') return algorithm(ecdsa[digest])
  return algorithm(oids.rsaEncryption, nullValue())
}

/** Certificates and nothing else: the answer of SCEP (RFC 8894, 3.4), the first is the one that matters. */
export function degenerate(certificates: readonly X509Certificate[]): Buffer {
  const signedData = sequence(
    integer(1),
    setOf(),
    sequence(oid(oids.data)),
    explicit(0, ...certificates.map(({ raw }) => raw)),
    setOf(),
  )
  return sequence(oid(oids.signedData), explicit(0, signedData))
}

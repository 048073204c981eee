import { createHash, type KeyObject, sign } from 'node:crypto'
import { oids } from '../asn1/oids.ts'
import { bitsOf, childrenOf, readAsn1 } from '../asn1/read.ts'
import {
  algorithm,
  bitString,
  boolean,
  explicit,
  implicit,
  integer,
  nullValue,
  octetString,
  oid,
  sequence,
  setOf,
  time,
  utf8String,
} from '../asn1/write.ts'

export interface NewCertificate {
  /** 1 to 20 bytes, positive. */
  readonly serial: Buffer
  /** DER of a name. */
  readonly issuer: Buffer
  readonly subject: Buffer
  /** DER of the SubjectPublicKeyInfo. */
  readonly publicKeyInfo: Buffer
  readonly notBefore: number
  readonly notAfter: number
  /** DER of extensions. */
  readonly extensions: readonly Buffer[]
}

/** Signs a certificate (RFC 5280), always with SHA-256. @returns DER */
export function buildCertificate(certificate: NewCertificate, key: KeyObject): Buffer {
  const signature = signatureAlgorithm(key)
  const toBeSigned = sequence(
    explicit(0, integer(2)),
    integer(certificate.serial),
    signature,
    certificate.issuer,
    sequence(time(certificate.notBefore), time(certificate.notAfter)),
    certificate.subject,
    certificate.publicKeyInfo,
    explicit(3, sequence(...certificate.extensions)),
  )
  return sequence(toBeSigned, signature, bitString(sign('sha256', toBeSigned, key)))
}

export function signatureAlgorithm(key: KeyObject): Buffer {
  return key.asymmetricKeyType === 'ec'
    ? algorithm(oids.ecdsaWithSha256)
    : algorithm(oids.sha256WithRsa, nullValue())
}

export interface NameParts {
  readonly commonName: string
  readonly organisation?: string
}

/** A name in which people find the certificate again. */
export function nameOf({ commonName, organisation }: NameParts): Buffer {
  const part = (type: string, text: string) => setOf(sequence(oid(type), utf8String(text)))
  return sequence(
    ...(organisation === undefined ? [] : [part(oids.organization, organisation)]),
    part(oids.commonName, commonName),
  )
}

/** The identifier of a key: SHA-1 of its bits, as RFC 5280 (4.2.1.2) names keys; nothing rests on it. */
export function keyIdentifier(publicKeyInfo: Buffer): Buffer {
  const bits = bitsOf(childrenOf(readAsn1(publicKeyInfo))[1])
  return createHash('sha1').update(bits).digest()
}

function extension(name: string, value: Buffer, critical = false): Buffer {
  return sequence(oid(name), ...(critical ? [boolean(true)] : []), octetString(value))
}

/** Bits of key usage, from the highest. */
const usages = {
  digitalSignature: 0x80,
  keyEncipherment: 0x20,
  keyCertSign: 0x04,
  cRLSign: 0x02,
} as const
export type KeyUsage = keyof typeof usages

export const extensions = {
  subjectKey: (identifier: Buffer) => extension(oids.subjectKeyIdentifier, octetString(identifier)),
  authorityKey: (identifier: Buffer) =>
    extension(oids.authorityKeyIdentifier, sequence(implicit(0, identifier))),
  authority: () => extension(oids.basicConstraints, sequence(boolean(true)), true),
  notAuthority: () => extension(oids.basicConstraints, sequence(), true),
  usage(...names: readonly KeyUsage[]) {
    const bits = names.reduce((sum, name) => sum | usages[name], 0)
    // DER leaves out trailing zero bits.
    return extension(oids.keyUsage, bitString(Buffer.from([bits]), Math.clz32(bits & -bits) ^ 31), true)
  },
  extendedUsage: (name: string) => extension(oids.extendedKeyUsage, sequence(oid(name))),
  revocationList: (url: string) =>
    extension(
      oids.crlDistributionPoints,
      sequence(sequence(explicit(0, explicit(0, implicit(6, Buffer.from(url, 'latin1')))))),
    ),
  /** Where the OCSP responder is (RFC 5280, 4.2.2.1). */
  statusResponder: (url: string) =>
    extension(
      oids.authorityInfoAccess,
      sequence(sequence(oid(oids.ocsp), implicit(6, Buffer.from(url, 'latin1')))),
    ),
  alternativeNames: (names: readonly Buffer[]) => extension(oids.subjectAltName, sequence(...names)),
  crlNumber: (number: number) => extension(oids.crlNumber, integer(number)),
} as const

/** Kinds of alternative names (RFC 5280, 4.2.1.6). */
export const alternativeName = {
  email: (address: string) => implicit(1, Buffer.from(address, 'latin1')),
  uri: (address: string) => implicit(6, Buffer.from(address, 'latin1')),
  /** The user principal name of Microsoft's directories; the gateway takes it for the user. */
  userPrincipal: (name: string) => explicit(0, oid('1.3.6.1.4.1.311.20.2.3'), explicit(0, utf8String(name))),
} as const

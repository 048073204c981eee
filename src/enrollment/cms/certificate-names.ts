import { X509Certificate } from 'node:crypto'
import type { Asn1 } from '../asn1/asn1.ts'
import { tags } from '../asn1/asn1.ts'
import { oids } from '../asn1/oids.ts'
import { bitsOf, childrenOf, octetsOf, oidOf, readAsn1, serialText, tagged } from '../asn1/read.ts'
import { encode } from '../asn1/write.ts'

/** What certificates are named by in CMS. */
export interface CertificateNames {
  /** DER of the issuer's name. */
  readonly issuer: Buffer
  readonly subject: Buffer
  /** Hexadecimal, upper case, without leading zeros. */
  readonly serial: string
  /** DER of the serial number. */
  readonly serialDer: Buffer
  readonly subjectKeyIdentifier?: Buffer
  /** DER of the SubjectPublicKeyInfo. */
  readonly publicKeyInfo: Buffer
  /** The bytes of the public key within it. */
  readonly publicKeyBits: Buffer
}

/** @throws {Asn1Error} */
export function namesOf(certificate: X509Certificate | Asn1): CertificateNames {
  const node = certificate instanceof X509Certificate ? readAsn1(certificate.raw) : certificate
  const fields = childrenOf(childrenOf(node)[0])
  const [serial, , issuer, , subject, keyInfo] = tagged(fields.slice(0, 1), 0) ? fields.slice(1) : fields
  const keyIdentifier = subjectKeyIdentifier(tagged(fields, 3))
  return {
    issuer: encode(sequenceIn(issuer)),
    subject: encode(sequenceIn(subject)),
    serial: serialText(serial),
    serialDer: encode(serial!),
    publicKeyInfo: encode(sequenceIn(keyInfo)),
    publicKeyBits: bitsOf(childrenOf(keyInfo)[1]),
    ...(keyIdentifier !== undefined && { subjectKeyIdentifier: keyIdentifier }),
  }
}

function sequenceIn(node: Asn1 | undefined): Asn1 {
  childrenOf(node, tags.sequence)
  return node!
}

function subjectKeyIdentifier(extensions: Asn1 | undefined): Buffer | undefined {
  if (extensions === undefined) return undefined
  for (const extension of childrenOf(extensions.children?.[0])) {
    const [id, ...rest] = childrenOf(extension)
    if (oidOf(id) === oids.subjectKeyIdentifier) return octetsOf(readAsn1(octetsOf(rest.at(-1))))
  }
  return undefined
}

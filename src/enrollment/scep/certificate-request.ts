import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { type Asn1, Asn1Error, tags } from '../asn1/asn1.ts'
import { oids } from '../asn1/oids.ts'
import { bitsOf, childrenOf, oidOf, readAsn1, smallInteger, tagged, textOf } from '../asn1/read.ts'
import { encode } from '../asn1/write.ts'
import { algorithmOid, signatureOf } from '../cms/algorithms.ts'

/** What we take of a PKCS #10 request (RFC 2986). Extensions that it asks for are not read. */
export interface CertificateRequest {
  /** DER of the SubjectPublicKeyInfo. */
  readonly publicKeyInfo: Buffer
  readonly publicKey: KeyObject
  readonly commonName?: string
  readonly challenge?: string
}

/** Reads a request and checks that it is signed with its own key. @throws {Asn1Error} */
export function readCertificateRequest(der: Buffer): CertificateRequest {
  const [info, algorithm, signature] = childrenOf(readAsn1(der, { maxBytes: 32 * 1024 }))
  const fields = childrenOf(info)
  const [version, subject, keyInfo] = fields
  smallInteger(version)
  childrenOf(keyInfo)
  const publicKeyInfo = encode(keyInfo!)
  const publicKey = readKey(publicKeyInfo)
  checkSignature(encode(info!), { algorithm, signature, publicKey })
  const commonName = commonNameOf(subject)
  const challenge = challengeOf(tagged(fields, 0))
  return {
    publicKeyInfo,
    publicKey,
    ...(commonName !== undefined && { commonName }),
    ...(challenge !== undefined && { challenge }),
  }
}

function readKey(der: Buffer): KeyObject {
  try {
    return createPublicKey({ key: der, format: 'der', type: 'spki' })
  } catch (cause) {
    throw new Asn1Error('Not a public key', { cause })
  }
}

interface Signed {
  readonly algorithm: Asn1 | undefined
  readonly signature: Asn1 | undefined
  readonly publicKey: KeyObject
}

function checkSignature(info: Buffer, { algorithm, signature, publicKey }: Signed): void {
  const known = signatureOf(algorithmOid(algorithm))
  const fits =
    known?.digest !== undefined &&
    known.keyType === publicKey.asymmetricKeyType &&
    verify(known.digest, info, publicKey, bitsOf(signature))
  if (!fits) throw new Asn1Error('The request is not signed with its own key')
}

/** The last one: a name that is given twice is not ours anyway. */
function commonNameOf(subject: Asn1 | undefined): string | undefined {
  let found: string | undefined
  for (const set of childrenOf(subject))
    for (const part of childrenOf(set, tags.set)) {
      const [type, value] = childrenOf(part)
      if (oidOf(type) === oids.commonName) found = textOf(value)
    }
  return found
}

function challengeOf(attributes: Asn1 | undefined): string | undefined {
  for (const attribute of attributes === undefined ? [] : childrenOf(attributes, attributes.tag)) {
    const [type, values] = childrenOf(attribute)
    if (oidOf(type) === oids.challengePassword) return textOf(childrenOf(values, tags.set)[0])
  }
  return undefined
}

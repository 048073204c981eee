import { constants, createCipheriv, publicEncrypt, randomBytes, type X509Certificate } from 'node:crypto'
import { oids } from '../asn1/oids.ts'
import {
  algorithm,
  explicit,
  implicit,
  integer,
  nullValue,
  octetString,
  oid,
  sequence,
  setOf,
} from '../asn1/write.ts'
import { ciphers } from './algorithms.ts'
import { type Cipher, CmsError } from './cms.ts'
import { issuerAndSerial } from './sign-data.ts'

export interface SealOptions {
  readonly content: Buffer
  /** RSA: elliptic curves have no key transport, and devices read nothing else. */
  readonly recipients: readonly X509Certificate[]
  /** AES-256-CBC when not given. */
  readonly cipher?: Cipher
}

/** Encrypts `content` to each recipient. @returns DER. @throws {CmsError} `algorithm` when a recipient's key is not RSA */
export function sealEnvelope({ content, recipients, cipher = 'aes-256-cbc' }: SealOptions): Buffer {
  const facts = ciphers[cipher]
  const key = randomBytes(facts.keyLength)
  const iv = randomBytes(facts.blockLength)
  const encipher = createCipheriv(cipher, key, iv)
  const encrypted = Buffer.concat([encipher.update(content), encipher.final()])
  const envelopedData = sequence(
    integer(0),
    setOf(...recipients.map((recipient) => recipientInfo(recipient, key))),
    sequence(oid(oids.data), algorithm(facts.oid, octetString(iv)), implicit(0, encrypted)),
  )
  return sequence(oid(oids.envelopedData), explicit(0, envelopedData))
}

function recipientInfo(recipient: X509Certificate, key: Buffer): Buffer {
  if (recipient.publicKey.asymmetricKeyType !== 'rsa')
    throw new CmsError('algorithm', 'Only RSA keys can be encrypted to')
  const encryptedKey = publicEncrypt({ key: recipient.publicKey, padding: constants.RSA_PKCS1_PADDING }, key)
  return sequence(
    integer(0),
    issuerAndSerial(recipient),
    algorithm(oids.rsaEncryption, nullValue()),
    octetString(encryptedKey),
  )
}

import { constants, createDecipheriv, privateDecrypt, randomBytes } from 'node:crypto'
import { type Asn1, Asn1Error, context, tags } from '../asn1/asn1.ts'
import { oids } from '../asn1/oids.ts'
import { childrenOf, octetsOf, oidOf, readAsn1, serialText, smallInteger } from '../asn1/read.ts'
import { encode } from '../asn1/write.ts'
import { algorithmOid, cipherOf, ciphers } from './algorithms.ts'
import { namesOf } from './certificate-names.ts'
import { type Cipher, CmsError, type Identity } from './cms.ts'

export interface OpenOptions {
  /** Ours; RSA. Keys are to be such that Node rejects bad padding implicitly (`checkImplicitRejection`). */
  readonly recipients: readonly Identity[]
  /** Three-key triple DES is accepted. Only for old devices, by a setting. */
  readonly tripleDes?: boolean
  readonly maxBytes?: number
}

export interface Opened {
  readonly content: Buffer
  /** What it was encrypted with: an answer uses the same. */
  readonly cipher: Cipher
  /** Whom of us it was encrypted to. */
  readonly recipient: Identity
}

/**
 * Decrypts an EnvelopedData that is encrypted to one of us, possibly among others.
 *
 * The key transport is RSA PKCS #1 v1.5, where a server that tells bad padding from a bad content is an oracle
 * (Bleichenbacher): OpenSSL gives a random key in place of an error, a key of a wrong length is replaced by a random one,
 * and whatever goes wrong from there on is the same failure.
 *
 * @throws {CmsError} `decryption` for all that depends on our key
 */
export function openEnvelope(message: Buffer, options: OpenOptions): Opened {
  const { content, found } = addressed(message, options)
  return { content: decrypt(content, found), cipher: content.cipher, recipient: found.identity }
}

/**
 * Whom of us a message is encrypted to, and with what; nothing is decrypted, so that nothing of the answer depends on our key.
 *
 * @throws {CmsError}
 */
export function addressOf(message: Buffer, options: OpenOptions): Omit<Opened, 'content'> {
  const { content, found } = addressed(message, options)
  return { cipher: content.cipher, recipient: found.identity }
}

interface Addressed {
  readonly content: Encrypted
  readonly found: Found
}

function addressed(message: Buffer, options: OpenOptions): Addressed {
  try {
    return readEnveloped(message, options)
  } catch (error) {
    if (!(error instanceof Asn1Error)) throw error
    throw new CmsError('malformed', `Not an encrypted message: ${error.message}`, { cause: error })
  }
}

function readEnveloped(message: Buffer, { recipients, tripleDes = false, maxBytes }: OpenOptions): Addressed {
  const [type, wrapped] = childrenOf(readAsn1(message, maxBytes === undefined ? {} : { maxBytes }))
  if (oidOf(type) !== oids.envelopedData) throw new CmsError('unsupported', 'Not enveloped data')
  const [version, ...rest] = childrenOf(childrenOf(wrapped, 0x80)[0])
  smallInteger(version)
  const [infos, encrypted] = rest[0]?.tag === context(0) ? rest.slice(1) : rest
  const content = encryptedContent(encrypted, tripleDes)
  const found = findRecipient(childrenOf(infos, tags.set), recipients)
  if (found === undefined) throw new CmsError('decryption', 'It cannot be decrypted')
  return { content, found }
}

interface Encrypted {
  readonly cipher: Cipher
  readonly iv: Buffer
  readonly bytes: Buffer
}

function encryptedContent(node: Asn1 | undefined, tripleDes: boolean): Encrypted {
  const [type, algorithm, content] = childrenOf(node)
  if (oidOf(type) !== oids.data) throw new CmsError('unsupported', 'Another content type is encrypted')
  // Single DES is not among them.
  const cipher = cipherOf(algorithmOid(algorithm))
  if (cipher === undefined || (cipher === 'des-ede3-cbc' && !tripleDes))
    throw new CmsError('algorithm', 'The content’s encryption is not accepted')
  const iv = octetsOf(childrenOf(algorithm)[1])
  const bytes = octetsOf(content, context(0))
  const { blockLength } = ciphers[cipher]
  if (iv.length !== blockLength || bytes.length === 0 || bytes.length % blockLength !== 0)
    throw new CmsError('malformed', 'The encrypted content has no length of whole blocks')
  return { cipher, iv, bytes }
}

interface Found {
  readonly identity: Identity
  readonly encryptedKey: Buffer
}

/** Nobody encrypts to more; each costs a comparison, and only one a decryption. */
const mostRecipients = 20

function findRecipient(infos: readonly Asn1[], recipients: readonly Identity[]): Found | undefined {
  if (infos.length > mostRecipients) throw new CmsError('malformed', 'Too many recipients')
  const ours = recipients.map((identity) => ({ identity, names: namesOf(identity.certificate) }))
  for (const info of infos) {
    if (info.tag !== tags.sequence) continue // not key transport
    const [version, rid, algorithm, encryptedKey] = childrenOf(info)
    smallInteger(version)
    if (algorithmOid(algorithm) !== oids.rsaEncryption) continue
    const found = ours.find(({ names }) => isNamed(rid, names))
    if (found !== undefined) return { identity: found.identity, encryptedKey: octetsOf(encryptedKey) }
  }
  return undefined
}

function isNamed(rid: Asn1 | undefined, names: ReturnType<typeof namesOf>): boolean {
  if (rid?.tag === context(0)) return names.subjectKeyIdentifier?.equals(octetsOf(rid, context(0))) === true
  const [issuer, serial] = childrenOf(rid)
  return issuer !== undefined && serialText(serial) === names.serial && encode(issuer).equals(names.issuer)
}

function decrypt({ cipher, iv, bytes }: Encrypted, { identity, encryptedKey }: Found): Buffer {
  const spare = randomBytes(ciphers[cipher].keyLength)
  try {
    const key = transportedKey(identity, encryptedKey)
    const decipher = createDecipheriv(cipher, key.length === spare.length ? key : spare, iv)
    return Buffer.concat([decipher.update(bytes), decipher.final()])
  } catch {
    // Without a cause: it would tell what went wrong.
    throw new CmsError('decryption', 'It cannot be decrypted')
  }
}

function transportedKey({ key }: Identity, encryptedKey: Buffer): Buffer {
  try {
    return privateDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, encryptedKey)
  } catch {
    return Buffer.alloc(0) // replaced by a random one: only a ciphertext of a wrong length comes here
  }
}

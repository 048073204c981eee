import type { X509Certificate } from 'node:crypto'
import { Asn1Error } from '../asn1/asn1.ts'
import { oids } from '../asn1/oids.ts'
import { octetsOf, textOf } from '../asn1/read.ts'
import type { Authority } from '../ca/authority.ts'
import { type Attributes, type Cipher, CmsError, type Digest } from '../cms/cms.ts'
import { addressOf, openEnvelope } from '../cms/open-envelope.ts'
import { single, verifySignedData } from '../cms/verify-signed-data.ts'
import { type CertificateRequest, readCertificateRequest } from './certificate-request.ts'
import { mostBytes, ScepFailure, ScepUnreadable } from './scep.ts'

export const messageTypes = {
  certRep: '3',
  renewalReq: '17',
  updateReq: '18',
  pkcsReq: '19',
  certPoll: '20',
} as const

/** The signed outside of a message: enough to answer it. */
export interface Envelope {
  readonly messageType: string
  readonly transaction: string
  readonly senderNonce: Buffer
  /** Whose key has signed it. Nobody has looked at who issued that certificate. */
  readonly signer: X509Certificate
  readonly digest: Digest
  readonly content: Buffer
}

/** A PrintableString (RFC 8894, 3.2.1.1), with some tolerance. It is kept, and a NUL is what PostgreSQL does not take. */
const transactionPattern = /^[\x20-\x7e]{1,255}$/

/** @throws {ScepUnreadable} */
export function readEnvelope(message: Buffer): Envelope {
  try {
    // Old digests are read too, and refused with an answer that says why.
    const signed = verifySignedData(message, { sha1: true, maxBytes: mostBytes })
    const attributes = signed.attributes
    if (attributes === undefined) throw new CmsError('malformed', 'There are no signed attributes')
    const transaction = textOf(single(attributes, oids.transactionId))
    if (!transactionPattern.test(transaction)) throw new CmsError('malformed', 'Not a transaction')
    return {
      messageType: textOf(single(attributes, oids.messageType)),
      transaction,
      senderNonce: nonceOf(attributes),
      signer: signed.signer,
      digest: signed.digest,
      content: signed.content,
    }
  } catch (cause) {
    throw unreadable(cause)
  }
}

/** As it came, whatever its length: some clients send none, or longer ones than the 16 bytes of the RFC. */
function nonceOf(attributes: Attributes): Buffer {
  const [value] = attributes.get(oids.senderNonce) ?? []
  const nonce = value === undefined ? Buffer.alloc(0) : octetsOf(value)
  if (nonce.length > 64) throw new CmsError('malformed', 'Not a nonce')
  return nonce
}

/** The encrypted inside of a message. */
export interface Opened {
  readonly content: Buffer
  readonly cipher: Cipher
  /** Whom of us it was encrypted to, who answers. */
  readonly authority: Authority
}

const nothing = Buffer.alloc(0)

/**
 * The content of a poll is left closed: it names issuer and subject, on which nothing rests. Had it to be well-formed, its answer
 * would tell whether the padding of any message is right, and with that decrypt another device's request.
 *
 * @throws {ScepFailure} for an algorithm that is not accepted. @throws {ScepUnreadable}
 */
export function openContent(
  { messageType, content }: Envelope,
  authorities: readonly Authority[],
  { legacy }: { readonly legacy: boolean },
): Opened {
  try {
    const options = { recipients: authorities, tripleDes: legacy }
    const opened =
      messageType === messageTypes.certPoll
        ? { ...addressOf(content, options), content: nothing }
        : openEnvelope(content, options)
    const authority = authorities.find((one) => one === opened.recipient)
    if (authority === undefined) throw new ScepUnreadable('Not to us')
    return { content: opened.content, cipher: opened.cipher, authority }
  } catch (cause) {
    if (cause instanceof CmsError && cause.problem === 'algorithm')
      throw new ScepFailure('badAlg', cause.message)
    throw unreadable(cause)
  }
}

/**
 * Fails just as what cannot be decrypted does: who could tell a bad padding from a bad request could decrypt another
 * device's request, and with it read its challenge.
 *
 * @throws {ScepUnreadable}
 */
export function readRequest({ content }: Opened): CertificateRequest {
  try {
    return readCertificateRequest(content)
  } catch (cause) {
    throw unreadable(cause)
  }
}

function unreadable(cause: unknown): unknown {
  return cause instanceof CmsError || cause instanceof Asn1Error
    ? new ScepUnreadable(cause.message, { cause })
    : cause
}

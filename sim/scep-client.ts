/**
 * A device's side of SCEP (RFC 8894): makes requests as Apple devices do, and reads answers. Its messages are built and
 * read with the server's own CMS, which OpenSSL and certmonger check in the tests.
 */
import { createPublicKey, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto'
import { oids } from '../src/enrollment/asn1/oids.ts'
import { octetsOf, textOf } from '../src/enrollment/asn1/read.ts'
import {
  bitString,
  explicit,
  integer,
  octetString,
  oid,
  printableString,
  sequence,
  setOf,
} from '../src/enrollment/asn1/write.ts'
import {
  buildCertificate,
  extensions,
  nameOf,
  signatureAlgorithm,
} from '../src/enrollment/ca/build-certificate.ts'
import type { Cipher, Identity } from '../src/enrollment/cms/cms.ts'
import { openEnvelope } from '../src/enrollment/cms/open-envelope.ts'
import { readDegenerate } from '../src/enrollment/cms/read-degenerate.ts'
import { sealEnvelope } from '../src/enrollment/cms/seal-envelope.ts'
import { signData } from '../src/enrollment/cms/sign-data.ts'
import { single, verifySignedData } from '../src/enrollment/cms/verify-signed-data.ts'

/** Message types by their numbers. */
export const scepTypes = { pkcsReq: '19', renewalReq: '17', certPoll: '20' } as const

export interface ScepRequestOptions {
  /** Of the server, from GetCACert. */
  readonly ca: X509Certificate
  /** What signs: a certificate that signs itself (`temporaryIdentity`), or the one that is renewed. */
  readonly signer: Identity
  /** The content: a request (`certificateRequest`) unless it is a poll. */
  readonly content: Buffer
  readonly type?: string
  readonly transaction?: string
  readonly nonce?: Buffer
  readonly cipher?: Cipher
  readonly at: number
}

/** @returns DER of the message, as it is posted to `?operation=PKIOperation` */
export function scepRequest(options: ScepRequestOptions): Buffer {
  const { ca, signer, content, type = scepTypes.pkcsReq, cipher = 'aes-256-cbc', at } = options
  const { transaction = randomBytes(20).toString('hex'), nonce = randomBytes(16) } = options
  return signData({
    content: sealEnvelope({ content, recipients: [ca], cipher }),
    signer,
    attributes: new Map([
      [oids.messageType, printableString(type)],
      [oids.transactionId, printableString(transaction)],
      [oids.senderNonce, octetString(nonce)],
    ]),
    signingTime: at,
  })
}

export type ScepReply =
  | { readonly status: 'success'; readonly certificates: readonly X509Certificate[] }
  | { readonly status: 'failure'; readonly failInfo: string; readonly text: string | undefined }

/** Reads an answer and checks that it is signed by `ca`. @throws when it is not, or is not an answer */
export function readScepReply(answer: Buffer, ca: X509Certificate, recipient: Identity): ScepReply {
  const { attributes, content, signer } = verifySignedData(answer, { withoutContent: true })
  if (attributes === undefined || signer.fingerprint256 !== ca.fingerprint256)
    throw new Error('The answer is not signed by the CA')
  if (textOf(single(attributes, oids.messageType)) !== '3') throw new Error('Not an answer')
  if (textOf(single(attributes, oids.pkiStatus)) === '0') {
    const opened = openEnvelope(content, { recipients: [recipient], tripleDes: true })
    return { status: 'success', certificates: readDegenerate(opened.content) }
  }
  const text = attributes.get(oids.failInfoText)?.[0]
  return {
    status: 'failure',
    failInfo: textOf(single(attributes, oids.failInfo)),
    text: text && textOf(text),
  }
}

/** The nonces of an answer: the one that must be the request's, and its own. */
export function noncesOf(answer: Buffer): { readonly recipient: Buffer; readonly sender: Buffer } {
  const attributes = verifySignedData(answer, { withoutContent: true }).attributes ?? new Map()
  return {
    recipient: octetsOf(single(attributes, oids.recipientNonce)),
    sender: octetsOf(single(attributes, oids.senderNonce)),
  }
}

export interface CertificateRequestOptions {
  readonly key: KeyObject
  readonly commonName: string
  readonly challenge?: string
}

/** PKCS #10, signed with its own key. */
export function certificateRequest({ key, commonName, challenge }: CertificateRequestOptions): Buffer {
  const attributes =
    challenge === undefined ? [] : [sequence(oid(oids.challengePassword), setOf(printableString(challenge)))]
  const info = sequence(integer(0), nameOf({ commonName }), publicKeyInfo(key), explicit(0, ...attributes))
  return sequence(info, signatureAlgorithm(key), bitString(sign('sha256', info, key)))
}

/** The certificate that a device signs its first request with: it proves nothing but the key. */
export function temporaryIdentity(key: KeyObject, at: number): Identity {
  const name = nameOf({ commonName: 'SCEP SIGNER' })
  const der = buildCertificate(
    {
      serial: Buffer.from([1]),
      issuer: name,
      subject: name,
      publicKeyInfo: publicKeyInfo(key),
      notBefore: at - 60_000,
      notAfter: at + 86_400_000,
      extensions: [extensions.usage('digitalSignature', 'keyEncipherment')],
    },
    key,
  )
  return { certificate: new X509Certificate(der), key }
}

function publicKeyInfo(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: 'spki', format: 'der' })
}

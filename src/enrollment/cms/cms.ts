/**
 * CMS (RFC 5652, formerly PKCS #7): what devices sign and what is encrypted to them. `verifySignedData` says that a
 * signature is valid and whose it is; whom to trust is another question, answered by `isTrusted`. `signData`,
 * `sealEnvelope` and `degenerate` write, `openEnvelope` reads what was encrypted to us.
 */
import type { KeyObject, X509Certificate } from 'node:crypto'
import type { Asn1 } from '../asn1/asn1.ts'

export interface Identity {
  readonly certificate: X509Certificate
  readonly key: KeyObject
}

export type Digest = 'sha1' | 'sha256' | 'sha384' | 'sha512'

export type Cipher = 'aes-128-cbc' | 'aes-192-cbc' | 'aes-256-cbc' | 'des-ede3-cbc'

/** Signed attributes: the values of each, by object identifier. */
export type Attributes = ReadonlyMap<string, readonly Asn1[]>

/** Signed by `signer`; by whom that certificate was issued has not been looked at. */
export interface SignedMessage {
  /** Object identifier of what is signed. */
  readonly contentType: string
  /** The bytes that are signed: those within the message, or the detached ones. Empty when there are none. */
  readonly content: Buffer
  readonly signer: X509Certificate
  /** All that came with it, the signer's included, in no order to rely on. */
  readonly certificates: readonly X509Certificate[]
  readonly digest: Digest
  /** Absent when the content alone is signed. */
  readonly attributes?: Attributes
}

export interface VerifyOptions {
  /** The bytes that a detached signature is over; a message that holds content of its own is refused then. */
  readonly detached?: Buffer
  /** A message without any content is accepted (a SCEP answer that refuses). */
  readonly withoutContent?: boolean
  /** Signatures with SHA-1 are accepted. Only for old devices, by a setting. */
  readonly sha1?: boolean
  /** 1 MiB when not given. */
  readonly maxBytes?: number
}

export interface SignOptions {
  readonly content: Buffer
  readonly signer: Identity
  /** Sent along after the signer's certificate: intermediates, no root. */
  readonly chain?: readonly X509Certificate[]
  /** The content is not put into the message. */
  readonly detached?: boolean
  /** Further signed attributes: DER of one value each, by object identifier. */
  readonly attributes?: ReadonlyMap<string, Buffer>
  /** SHA-256 when not given; SHA-1 is never written. */
  readonly digest?: Exclude<Digest, 'sha1'>
  /** Milliseconds since the epoch. */
  readonly signingTime: number
}

/** How a message fails. `decryption` says no more on purpose: whoever could tell the causes apart could decrypt. */
export type CmsProblem = 'malformed' | 'unsupported' | 'signer' | 'algorithm' | 'signature' | 'decryption'

export class CmsError extends Error {
  readonly problem: CmsProblem

  constructor(problem: CmsProblem, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'CmsError'
    this.problem = problem
  }
}

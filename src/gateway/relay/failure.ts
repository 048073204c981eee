import { errors } from 'undici'
import type { ReasonCode } from '../../domain/reason.ts'
import { ClientBodyError } from '../client-side.ts'

export type RelayReason = Extract<
  ReasonCode,
  | 'upstream.unreachable'
  | 'upstream.tls'
  | 'upstream.timeout'
  | 'upstream.invalid'
  | 'upstream.aborted'
  | 'limit.body-size'
  | 'limit.body-time'
  | 'http.malformed'
  | 'client.aborted'
  | 'connection.http1-required'
  | 'connection.other-service'
  | 'connection.shared'
  | 'http.upgrade'
>

/** An exchange that came to nothing before the client saw a byte: the pipeline answers in the client's terms. */
export class RelayFailure extends Error {
  readonly reason: RelayReason

  constructor(reason: RelayReason, options?: ErrorOptions) {
    super(reason, options)
    this.name = 'RelayFailure'
    this.reason = reason
  }
}

/** What the relay itself found wrong with an answer. */
export class InvalidAnswer extends Error {}

const tlsCodes: ReadonlySet<string> = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_UNTRUSTED',
  'CERT_REJECTED',
  'CERT_REVOKED',
  'HOSTNAME_MISMATCH',
  'INVALID_CA',
  'INVALID_PURPOSE',
])

/** How far the exchange had come: nothing sent, no head of an answer yet, or in its body. */
export type Stage = 'connecting' | 'waiting' | 'answering'

export function reasonOf(error: Error & { code?: string }, stage: Stage): RelayReason {
  if (error instanceof ClientBodyError) return error.reason
  if (error instanceof RelayFailure) return error.reason
  const code = error.code ?? ''
  if (isTlsCode(code)) return 'upstream.tls'
  if (stage === 'connecting')
    return code === 'UPSTREAM_CONNECTION_SPENT' ? 'upstream.aborted' : 'upstream.unreachable'
  if (error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError) {
    return 'upstream.timeout'
  }
  if (error instanceof errors.RequestContentLengthMismatchError) return 'http.malformed'
  if (error instanceof errors.RequestAbortedError) return 'client.aborted'
  // undici's word for two lengths, and for a body that is shorter than its length.
  if (error instanceof errors.ResponseContentLengthMismatchError) {
    return stage === 'waiting' ? 'upstream.invalid' : 'upstream.aborted'
  }
  return isInvalid(error) ? 'upstream.invalid' : 'upstream.aborted'
}

function isTlsCode(code: string): boolean {
  return tlsCodes.has(code) || code.startsWith('ERR_TLS_') || code.startsWith('ERR_SSL_')
}

/** undici tells a misplaced 1xx or upgrade only by its message. An answer that stops half-way is no invalid one. */
function isInvalid(error: Error & { code?: string }): boolean {
  if (error.code === 'HPE_INVALID_EOF_STATE') return false
  return (
    error instanceof InvalidAnswer ||
    error instanceof errors.HTTPParserError ||
    error instanceof errors.HeadersOverflowError ||
    error.message === 'bad response' ||
    error.message === 'bad upgrade'
  )
}

import { errorCode } from '../../../lib/error-code.ts'
import { VendorError } from '../connector.ts'

/**
 * What the HTTP client threw, in words for administrators. The original is not passed on as the cause: the parser's
 * errors carry raw bytes of the answer, which may hold a token.
 */
export function failureOf(error: unknown, host: string): VendorError {
  const code = codeOf(error)
  const certificate = certificateTroubles[code]
  if (certificate !== undefined || /^(?:CERT_|ERR_TLS_CERT)/.test(code)) {
    const words = certificate ?? 'it is not valid'
    return new VendorError('certificate', `the certificate of ${host} is not accepted: ${words} (${code})`)
  }
  const proxy = proxyRefusal(error)
  if (proxy !== undefined)
    return new VendorError('unreachable', `the proxy does not connect to ${host}: ${proxy}`)
  return new VendorError('unreachable', `no answer from ${host}: ${networkTroubles[code] ?? code}`)
}

const certificateTroubles: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'it has expired, or this machine’s clock is wrong',
  CERT_NOT_YET_VALID: 'it is not valid yet, or this machine’s clock is wrong',
  ERR_TLS_CERT_ALTNAME_INVALID: 'it is for another name',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it is self-signed; name it with `ca`',
  SELF_SIGNED_CERT_IN_CHAIN: 'its CA is not known here; name it with `ca`',
  UNABLE_TO_GET_ISSUER_CERT: 'its CA is not known here; name it with `ca`',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its CA is not known here; name it with `ca`',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its CA is not known here; name it with `ca`',
}

const networkTroubles: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection is refused (ECONNREFUSED)',
  ECONNRESET: 'the connection broke off (ECONNRESET)',
  ENOTFOUND: 'there is no such host (ENOTFOUND)',
  EAI_AGAIN: 'its name cannot be looked up (EAI_AGAIN)',
  ENETUNREACH: 'there is no way to its network (ENETUNREACH)',
  EHOSTUNREACH: 'there is no way to it (EHOSTUNREACH)',
  UND_ERR_SOCKET: 'the connection broke off (UND_ERR_SOCKET)',
  UND_ERR_CONNECT_TIMEOUT: 'connecting took too long (UND_ERR_CONNECT_TIMEOUT)',
  UND_ERR_HEADERS_TIMEOUT: 'it took too long (UND_ERR_HEADERS_TIMEOUT)',
  UND_ERR_BODY_TIMEOUT: 'it stopped in the middle of an answer (UND_ERR_BODY_TIMEOUT)',
  TimeoutError: 'the whole answer took too long',
}

/** Of the error or of what caused it; an aborted try has only a name. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return errorCode(error)
  const own = errorCode(error)
  if (error.name === 'TimeoutError') return error.name
  const inner = error instanceof AggregateError ? error.errors[0] : error.cause
  return inner !== undefined &&
    (own === 'unknown error' || own.startsWith('UND_ERR')) &&
    known(errorCode(inner))
    ? errorCode(inner)
    : own
}

function known(code: string): boolean {
  return code in certificateTroubles || code in networkTroubles || /^(?:CERT_|ERR_TLS_CERT)/.test(code)
}

function proxyRefusal(error: unknown): string | undefined {
  const status = /^Proxy response \((\d{3})\)/.exec(error instanceof Error ? error.message : '')?.[1]
  if (status === undefined) return undefined
  return status === '407' ? 'it wants other credentials (407)' : `it answered ${status}`
}

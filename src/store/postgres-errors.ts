import { type RecordErrorCode, RecordUnavailable } from './errors.ts'

/** PostgreSQL's SQLSTATE (appendix A of its manual): the code itself, or its class, which is its first two letters. */
const states: Readonly<Record<string, RecordErrorCode>> = {
  '08': 'unreachable',
  '22': 'invalid',
  '23': 'constraint',
  '25006': 'read-only',
  '25P03': 'timeout',
  '28': 'credentials',
  '3D000': 'no-database',
  '40': 'conflict',
  '42501': 'not-allowed',
  '53': 'busy',
  '53100': 'full',
  '55P03': 'locked',
  '57014': 'timeout',
  '57P': 'unreachable',
  '58': 'io',
  XX001: 'corrupt',
  XX002: 'corrupt',
}

/** What Node's sockets fail with. */
const systemCodes: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_FAIL',
])

/** What the driver says without a code. */
const sentences: readonly (readonly [RegExp, RecordErrorCode])[] = [
  [/does not support SSL|establishing an SSL connection/, 'tls'],
  [/^SASL|password must be|authenticat/i, 'credentials'],
  [/trying to connect/, 'busy'],
  [/after calling end/, 'closed'],
  [/terminated|not queryable|connection error|timeout expired/i, 'unreachable'],
]

/** `where` names the server. The driver's messages hold no password; a value of a row they may, which stays in the cause. */
export function toRecordError(error: unknown, where: string): RecordUnavailable {
  if (error instanceof RecordUnavailable) return error
  const code = codeOf(error)
  const said = error instanceof Error ? error.message : 'failed'
  const message = code === 'invalid' || code === 'constraint' ? 'a value was refused' : said
  return new RecordUnavailable(code, `PostgreSQL at ${where}: ${message}`, { cause: error })
}

function codeOf(error: unknown): RecordErrorCode {
  const { code, message = '' } = (error ?? {}) as { readonly code?: unknown; readonly message?: string }
  if (typeof code !== 'string') return sentences.find(([said]) => said.test(message))?.[1] ?? 'failed'
  if (systemCodes.has(code)) return 'unreachable'
  // Node names what is wrong with a certificate by OpenSSL's words.
  if (/^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_MISMATCH)/.test(code)) return 'tls'
  return states[code] ?? states[code.slice(0, 3)] ?? states[code.slice(0, 2)] ?? 'failed'
}

/** What a session is told by a standby, or by a server that was read-only when it began: the next one may be at the right server. */
const readOnly = '25006'

/** Does the connection still serve after this error? A statement that failed leaves it whole, if the server said so. */
export function connectionSurvives(error: unknown): boolean {
  const { severity, code } = (error ?? {}) as { readonly severity?: unknown; readonly code?: unknown }
  return severity === 'ERROR' && code !== readOnly
}

import type { Answer } from '../../domain/answer.ts'
import type { ReasonCode } from '../../domain/reason.ts'
import type { RequestHead } from '../../domain/request-head.ts'
import { refusalText } from '../answers/text.ts'
import type { Refusal } from '../protocol.ts'
import { matrixEndpoint } from './endpoint.ts'

/** On every answer, errors as well (client-server API, "Web browser clients"). */
const cors: Answer['headers'] = [
  ['Access-Control-Allow-Origin', '*'],
  ['Access-Control-Allow-Methods', 'GET, POST, PUT, DELETE, OPTIONS'],
  ['Access-Control-Allow-Headers', 'X-Requested-With, Content-Type, Authorization'],
]

/** The registration is there but does not open the door for now. */
const lockedFor: ReadonlySet<ReasonCode> = new Set([
  'device.blocked',
  'device.noncompliant',
  'device.unmanaged',
  'device.conflict',
  'device.cut-off',
  'access.no-rule',
  'access.refused',
  'access.redirected',
  'token.missing',
  'token.inactive',
  'token.unknown',
])

/** Seconds. */
const laterWhenChecking = 60
const laterWhenDown = 120

/**
 * A refusal that costs nobody their keys. A 401 `M_UNKNOWN_TOKEN` makes a client forget its keys unless
 * `soft_logout` is true; some take any 401 without JSON for a logout, and a 403 on media for the end of the session.
 */
export function refuseMatrix(request: RequestHead, refusal: Refusal): Answer {
  const { reason, status } = refusal
  if (request.method === 'OPTIONS' && isVerdict(reason)) return preflight
  if (reason === 'device.posture-unknown' || reason === 'token.too-many') return limitExceeded(refusal)
  if (status >= 500) return unavailable(refusal)
  if (!isVerdict(reason)) return errorAnswer(status === 401 ? 400 : status, 'M_UNKNOWN', refusal)
  if (matrixEndpoint(request) === 'login') return errorAnswer(403, 'M_FORBIDDEN', refusal)
  if (!showsToken(request)) return withoutToken(request, refusal)
  const errcode = lockedFor.has(reason) ? 'M_USER_LOCKED' : 'M_UNKNOWN_TOKEN'
  return errorAnswer(401, errcode, refusal, { soft_logout: true })
}

/** A preflight carries no token by its nature (Fetch, "CORS-preflight request") and its answer gives nothing away. */
const preflight: Answer = { status: 204, headers: cors, body: '' }

/** Is it about this client and the policy, not about the syntax of one request or our own troubles? */
function isVerdict(reason: ReasonCode): boolean {
  if (reason === 'client.ambiguous') return false
  return /^(?:device|registration|access|client|app)\.|^token\.(?:missing|inactive|unknown)$/.test(reason)
}

/** A refresh shows its token in the body. */
function showsToken(request: RequestHead): boolean {
  if (matrixEndpoint(request) === 'refresh' || request.fields.has('authorization')) return true
  return request.query?.includes('access_token=') === true
}

function withoutToken(request: RequestHead, refusal: Refusal): Answer {
  if (request.path.startsWith('/_matrix/media/')) return errorAnswer(404, 'M_NOT_FOUND', refusal)
  return errorAnswer(403, 'M_FORBIDDEN', refusal)
}

function limitExceeded(refusal: Refusal): Answer {
  const seconds = refusal.retryAfter ?? laterWhenChecking
  const members = { retry_after_ms: seconds * 1000 }
  return errorAnswer(429, 'M_LIMIT_EXCEEDED', refusal, members, [['Retry-After', String(seconds)]])
}

function unavailable(refusal: Refusal): Answer {
  const seconds = refusal.retryAfter ?? laterWhenDown
  return errorAnswer(503, 'M_UNKNOWN', refusal, {}, [['Retry-After', String(seconds)]])
}

function errorAnswer(
  status: number,
  errcode: string,
  refusal: Refusal,
  members: object = {},
  headers: Answer['headers'] = [],
): Answer {
  return {
    status,
    headers: [['Content-Type', 'application/json'], ['Cache-Control', 'no-store'], ...cors, ...headers],
    body: JSON.stringify({ errcode, error: refusalText(refusal), ...members }),
  }
}

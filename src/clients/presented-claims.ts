import type { RequestHead } from '../domain/request-head.ts'
import type { BearerSettings } from '../domain/service.ts'
import { bearerToken } from './authorization.ts'
import type { VerifyToken } from './protocol.ts'
import { RequestRefused } from './refused.ts'
import { TokenInvalid, TokenKeysUnavailable } from './verify-token.ts'

/**
 * The claims of the request's bearer token, verified; undefined when it has none.
 * @throws RequestRefused `client.token-invalid`; `state.unavailable` when the issuer's keys cannot be had
 */
export async function presentedClaims(
  head: RequestHead,
  settings: BearerSettings,
  verifyToken: VerifyToken,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const token = bearerToken(head)
  if (token === undefined) return undefined
  try {
    return await verifyToken(token, settings)
  } catch (error) {
    if (error instanceof TokenInvalid) throw new RequestRefused('client.token-invalid')
    if (error instanceof TokenKeysUnavailable) throw new RequestRefused('state.unavailable')
    throw error
  }
}

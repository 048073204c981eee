import { isObject, parseJsonObject, stringMember } from '../../lib/json.ts'
import { RequestRefused } from '../refused.ts'
import { isToken } from './token.ts'

/** Whom and which device a login or registration names. */
export interface LoginRequest {
  readonly user?: string
  readonly deviceId?: string
}

/**
 * Reads the body of `/login` or `/register`. The user stands in `identifier.user`, for older clients in `user`, for a
 * registration in `username`; a login by token or e-mail address names none.
 * @throws MalformedInput; RequestRefused when two members name different users
 */
export function readLoginRequest(body: Uint8Array): LoginRequest {
  const login = parseJsonObject(body)
  const identifier = isObject(login.identifier) ? login.identifier : {}
  const named = [
    stringMember(identifier, 'user'),
    stringMember(login, 'user'),
    stringMember(login, 'username'),
  ].filter((user) => user !== undefined)
  if (new Set(named).size > 1) throw new RequestRefused('client.ambiguous')
  const deviceId = stringMember(login, 'device_id')
  return {
    ...(named[0] !== undefined && { user: named[0] }),
    ...(isDeviceId(deviceId) && { deviceId }),
  }
}

export interface TokenAnswer {
  readonly userId?: string
  readonly deviceId?: string
  readonly accessToken?: string
  readonly refreshToken?: string
  readonly expiresInMs?: number
}

/** What the answer to a login or refresh hands out; empty when it is nothing that we understand. */
export function readTokenAnswer(body: Uint8Array): TokenAnswer {
  let answer: Readonly<Record<string, unknown>>
  try {
    answer = parseJsonObject(body)
  } catch {
    return {} // the client may understand it; nothing can be concluded from it here
  }
  const userId = stringMember(answer, 'user_id')
  const deviceId = stringMember(answer, 'device_id')
  const accessToken = stringMember(answer, 'access_token')
  const refreshToken = stringMember(answer, 'refresh_token')
  const expiresInMs = answer.expires_in_ms
  return {
    ...(isUserId(userId) && { userId }),
    ...(isDeviceId(deviceId) && { deviceId }),
    ...(isToken(accessToken) && { accessToken }),
    ...(isToken(refreshToken) && { refreshToken }),
    ...(typeof expiresInMs === 'number' && expiresInMs > 0 && expiresInMs < 1e12 && { expiresInMs }),
  }
}

/** @throws MalformedInput */
export function readRefreshToken(body: Uint8Array): string | undefined {
  const token = stringMember(parseJsonObject(body), 'refresh_token')
  return isToken(token) ? token : undefined
}

function isUserId(value: string | undefined): value is string {
  return value !== undefined && value.length <= 255 && /^@[^\s:\x00-\x1f]+:[\x21-\x7e]+$/.test(value)
}

/** Synapse takes no longer ones. */
function isDeviceId(value: string | undefined): value is string {
  return value !== undefined && value.length <= 512 && !/[\x00-\x1f\x7f]/.test(value)
}

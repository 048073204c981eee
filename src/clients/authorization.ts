import { isAscii } from 'node:buffer'
import type { RequestHead } from '../domain/request-head.ts'
import { decodeBase64 } from '../lib/base64.ts'

/** The Authorization field, taken apart: the scheme in lower case, and what follows it. */
export interface Authorization {
  readonly scheme: string
  readonly credentials: string
}

export function readAuthorization(head: RequestHead): Authorization | undefined {
  const value = head.fields.get('authorization')?.trim()
  if (value === undefined || value === '') return undefined
  const space = value.indexOf(' ')
  if (space < 0) return { scheme: value.toLowerCase(), credentials: '' }
  return { scheme: value.slice(0, space).toLowerCase(), credentials: value.slice(space + 1).trim() }
}

export function bearerToken(head: RequestHead): string | undefined {
  const authorization = readAuthorization(head)
  return authorization?.scheme === 'bearer' && authorization.credentials !== ''
    ? authorization.credentials
    : undefined
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The user-id of Basic credentials (RFC 7617): UTF-8 where the bytes are, latin1 otherwise, as older clients send it.
 * @returns undefined when they are not base64 of `user:password`
 */
export function basicUser(credentials: string): string | undefined {
  const bytes = decodeBase64(credentials)
  const colon = bytes?.indexOf(0x3a) ?? -1
  if (bytes === undefined || colon < 0) return undefined
  const user = bytes.subarray(0, colon)
  if (isAscii(user)) return user.toString('latin1')
  try {
    return utf8.decode(user)
  } catch {
    return user.toString('latin1')
  }
}

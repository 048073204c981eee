import type { RequestHead } from '../domain/request-head.ts'
import { isObject, parseStrictJson, stringMember } from '../lib/json.ts'
import { type Authorization, basicUser, readAuthorization } from './authorization.ts'
import { readNtlm } from './ntlm.ts'
import { RequestRefused } from './refused.ts'
import { normalUser, sameUser } from './user-name.ts'

/**
 * Whom the credentials of one request name, before the upstream has judged them. `opening`: the first leg of NTLM,
 * which names nobody yet. `signsConnection`: they sign in the whole connection.
 */
export interface Credentials {
  readonly user: string | undefined
  readonly opening: boolean
  readonly signsConnection: boolean
}

/**
 * Reads the Authorization field, and the user whom NTLM has signed this connection in as.
 * @returns undefined when the request carries no credentials
 * @throws RequestRefused `client.credentials-opaque` when nobody can be read out of them: what the upstream makes of
 * them could not be held against the registration; `client.user-mismatch` when they are of another user than the connection's
 * @throws MalformedInput
 */
export function readCredentials(head: RequestHead): Credentials | undefined {
  const signedIn = head.connection.authenticatedUser
  const authorization = readAuthorization(head)
  if (authorization === undefined) {
    return signedIn === undefined ? undefined : { user: signedIn, opening: false, signsConnection: false }
  }
  const credentials = readShown(authorization)
  if (signedIn === undefined) return credentials
  // A handshake that begins anew names nobody; until it ends the connection is still the first user's.
  if (credentials.user === undefined) return { ...credentials, user: signedIn }
  if (!sameUser(signedIn, credentials.user)) throw new RequestRefused('client.user-mismatch')
  return credentials
}

function readShown({ scheme, credentials }: Authorization): Credentials {
  if (scheme === 'ntlm' || scheme === 'negotiate') return readHandshake(credentials)
  const named =
    scheme === 'basic' ? basicUser(credentials) : scheme === 'bearer' ? tokenUser(credentials) : undefined
  const user = normalUser(named)
  if (user === undefined) throw new RequestRefused('client.credentials-opaque')
  return { user, opening: false, signsConnection: false }
}

function readHandshake(credentials: string): Credentials {
  const message = readNtlm(credentials)
  if (message === undefined) throw new RequestRefused('client.credentials-opaque')
  if (message.type === 'negotiate') return { user: undefined, opening: true, signsConnection: false }
  return { user: normalUser(message.user), opening: false, signsConnection: true }
}

/** The user of a JWT, unverified: the upstream verifies it, and what it refuses has no effect here. */
function tokenUser(token: string): string | undefined {
  const payload = token.split('.', 4)
  if (payload.length !== 3) return undefined
  try {
    const claims = parseStrictJson(Buffer.from(payload[1] ?? '', 'base64url'))
    if (!isObject(claims)) return undefined
    return ['upn', 'unique_name', 'preferred_username']
      .map((name) => stringMember(claims, name))
      .find((name) => name !== undefined)
  } catch {
    return undefined // not a JWT: opaque to us
  }
}

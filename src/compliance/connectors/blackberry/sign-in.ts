import type { BlackBerryAuth } from '../../../settings/sections/vendors/blackberry.ts'
import { VendorError } from '../connector.ts'
import type { IssuedToken } from '../parts/access-token.ts'
import { clientCredentialsToken } from '../parts/client-credentials.ts'
import { basic, expectOk } from '../parts/expect.ts'
import type { VendorHttp } from '../vendor-http.ts'

interface SignIn<Auth = BlackBerryAuth> {
  readonly http: VendorHttp
  readonly now: () => number
  readonly auth: Auth
}

type PasswordAuth = Extract<BlackBerryAuth, { kind: 'password' }>

/** By OAuth2 for UEM Cloud, or with an administrator's name and password on premises. @throws VendorError */
export async function signIn({ http, now, auth }: SignIn, signal: AbortSignal): Promise<IssuedToken> {
  if (auth.kind === 'password') return await authorizationString({ http, now, auth }, signal)
  const { tokenUrl, clientId, clientSecret } = auth
  const headers = { authorization: basic(clientId, encodeURIComponent(clientSecret.reveal())) }
  const form = { scope: 'openid MDMBWS.All' }
  return await clientCredentialsToken({ http, now }, { tokenUrl, form, headers }, signal)
}

/** Its end is not documented: it is used until it is refused. */
async function authorizationString(
  { http, auth: { provider, user, password, domain } }: SignIn<PasswordAuth>,
  signal: AbortSignal,
): Promise<IssuedToken> {
  const answer = await http.request({
    method: 'POST',
    url: 'api/v1/util/authorization',
    headers: { 'content-type': 'application/vnd.blackberry.authorizationrequest-v1+json', accept: '*/*' },
    body: JSON.stringify({
      provider,
      username: user,
      password: Buffer.from(password.reveal()).toString('base64'),
      ...(domain !== undefined && { domain }),
    }),
    signal,
  })
  // A wrong password is 401 or 403, by version; asking again would lock the account either way.
  if (answer.status === 403) throw new VendorError('credentials', 'UEM refuses the administrator (403)')
  return { token: stringIn(expectOk(answer, 'signing in').text) }
}

/** A plain text, used as it is; some versions put it in quotes as JSON. */
function stringIn(body: string): string {
  const value = body.trim().replace(/^"(.*)"$/, '$1')
  if (/^[\x21-\x7e][\x20-\x7e]{0,8191}$/.test(value) && !value.startsWith('<')) return value
  throw new VendorError('protocol', 'UEM’s answer to the sign-in is no authorisation string')
}

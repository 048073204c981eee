import { z } from 'zod'
import { VendorError } from '../connector.ts'
import type { VendorAnswer, VendorHttp, VendorRequest } from '../vendor-http.ts'
import { refuseFailure } from './answers.ts'

export interface AccessToken {
  /** The whole value of Authorization. */
  readonly authorization: string
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
}

export interface SignedInOptions {
  readonly http: VendorHttp
  readonly now: () => number
  /** @throws VendorError */
  readonly signIn: (signal: AbortSignal | undefined) => Promise<AccessToken>
}

/** A token is renewed this long before its end, so that it does not run out on the way. */
const margin = 60_000

/**
 * Calls that carry a token: fetched when first needed, renewed before it ends and once when the vendor refuses it in
 * mid-sweep (401). A second 401 is the caller's to read: going on would lock the account.
 */
export function signedInHttp({ http, now, signIn }: SignedInOptions): VendorHttp {
  let token: AccessToken | undefined
  let pending: Promise<AccessToken> | undefined

  async function current(signal: AbortSignal | undefined): Promise<AccessToken> {
    if (token !== undefined && now() < token.expiresAt - margin) return token
    pending ??= signIn(signal).finally(() => {
      pending = undefined
    })
    token = await pending
    return token
  }

  async function send(request: VendorRequest, { authorization }: AccessToken): Promise<VendorAnswer> {
    return await http.request({ ...request, headers: { ...request.headers, authorization } })
  }

  return {
    async request(request) {
      const used = await current(request.signal)
      const answer = await send(request, used)
      if (answer.status !== 401) return answer
      if (token === used) token = undefined
      return await send(request, await current(request.signal))
    },
  }
}

export interface ClientCredentials {
  readonly tokenUrl: URL
  /** Form fields beside `grant_type`. */
  readonly form: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
}

const tokenAnswer = z.object({
  access_token: z
    .string()
    .min(1)
    .max(64 * 1024)
    .regex(/^[\x21-\x7e]+$/),
  expires_in: z.coerce.number().positive().catch(300),
})

/**
 * RFC 6749, 4.4.
 * @throws VendorError `credentials` with the vendor's own error code, which is no secret
 */
export async function clientCredentialsToken(
  { http, now }: { readonly http: VendorHttp; readonly now: () => number },
  { tokenUrl, form, headers = {} }: ClientCredentials,
  signal: AbortSignal | undefined,
): Promise<AccessToken> {
  const asked = now()
  const answer = await http.request({
    method: 'POST',
    url: tokenUrl,
    origins: [tokenUrl.origin],
    headers: { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams({ grant_type: 'client_credentials', ...form }).toString(),
    ...(signal !== undefined && { signal }),
  })
  refuseTokenError(answer)
  const { success, data } = tokenAnswer.safeParse(answer.json())
  if (!success) throw new VendorError('protocol', 'the token endpoint’s answer holds no access token')
  return { authorization: `Bearer ${data.access_token}`, expiresAt: asked + data.expires_in * 1000 }
}

/** RFC 6749, 5.2: a refused client is 400 or 401 with an error code. */
function refuseTokenError(answer: VendorAnswer): void {
  if (answer.status === 400 || answer.status === 401) {
    throw new VendorError('credentials', `the token endpoint refused the client: ${oauthError(answer)}`)
  }
  refuseFailure(answer, 'the token endpoint')
}

const errorAnswer = z.object({
  error: z.string().regex(/^[\w.:-]{1,64}$/),
  error_codes: z.array(z.int()).max(5).optional().catch(undefined),
})

function oauthError(answer: VendorAnswer): string {
  let body: unknown
  try {
    body = answer.json()
  } catch {
    return `status ${answer.status}`
  }
  const { success, data } = errorAnswer.safeParse(body)
  if (!success) return `status ${answer.status}`
  return [data.error, ...(data.error_codes ?? [])].join(' ')
}

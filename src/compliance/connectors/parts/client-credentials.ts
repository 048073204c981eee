import { z } from 'zod'
import { VendorError } from '../connector.ts'
import type { VendorAnswer, VendorHttp } from '../vendor-http.ts'
import type { IssuedToken } from './access-token.ts'
import { expectOk } from './expect.ts'

export interface ClientCredentials {
  readonly tokenUrl: URL
  /** Form fields beside `grant_type`. */
  readonly form: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
}

const tokenAnswer = z.object({
  access_token: z.string().regex(/^[\x21-\x7e]{1,16384}$/),
  expires_in: z.coerce.number().positive().max(31_536_000).catch(300),
})

/**
 * A token by OAuth2 client credentials (RFC 6749, 4.4).
 * @throws VendorError `credentials` with the vendor's own error code, which is no secret
 */
export async function clientCredentialsToken(
  { http, now }: { readonly http: VendorHttp; readonly now: () => number },
  { tokenUrl, form, headers = {} }: ClientCredentials,
  signal: AbortSignal,
): Promise<IssuedToken> {
  const asked = now()
  const answer = await http.request({
    method: 'POST',
    url: tokenUrl,
    origins: [tokenUrl.origin],
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams({ grant_type: 'client_credentials', ...form }).toString(),
    signal,
  })
  refuseError(answer)
  const { success, data } = tokenAnswer.safeParse(expectOk(answer, 'the token endpoint').json())
  if (!success) throw new VendorError('protocol', 'the token endpoint’s answer holds no access token')
  return { token: data.access_token, expiresAt: asked + data.expires_in * 1000 }
}

/** RFC 6749, 5.2: a refused client is 400 or 401 with an error code. */
function refuseError(answer: VendorAnswer): void {
  if (answer.status !== 400 && answer.status !== 401) return
  throw new VendorError('credentials', `the token endpoint refuses the client: ${errorCodeOf(answer)}`)
}

const errorAnswer = z.object({
  error: z.string().regex(/^[\w.:-]{1,64}$/),
  error_codes: z.array(z.int()).max(5).optional().catch(undefined),
})

/** The codes only: the description may repeat what was sent. */
function errorCodeOf(answer: VendorAnswer): string {
  const { success, data } = errorAnswer.safeParse(jsonOf(answer))
  return success ? [data.error, ...(data.error_codes ?? [])].join(' ') : `status ${answer.status}`
}

function jsonOf(answer: VendorAnswer): unknown {
  try {
    return answer.json()
  } catch {
    return undefined
  }
}

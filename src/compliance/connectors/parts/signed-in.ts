import type { VendorAnswer, VendorHttp, VendorRequest } from '../vendor-http.ts'
import type { AccessToken } from './access-token.ts'

export type SignedInRequest = VendorRequest & { readonly signal: AbortSignal }

/**
 * Requests that carry the token in `Authorization`; a 401 in mid-sweep renews it once.
 * @param scheme in front of the token; empty where the vendor wants the token as it is
 */
export function signedIn(http: VendorHttp, token: AccessToken, scheme: 'Bearer ' | '') {
  return (request: SignedInRequest): Promise<VendorAnswer> =>
    token.with(request.signal, async (current) => {
      const authorization = `${scheme}${current}`
      const answer = await http.request({ ...request, headers: { ...request.headers, authorization } })
      return answer.status === 401 ? undefined : answer
    })
}

export type SignedInSend = ReturnType<typeof signedIn>

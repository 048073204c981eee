import { VendorError } from '../connector.ts'
import type { VendorAnswer } from '../vendor-http.ts'

/**
 * The answer when it is a success.
 * @param what was asked for, such as `the devices`
 * @throws VendorError for every other status; what the answer says is not quoted, since it may repeat what was sent
 */
export function expectOk(answer: VendorAnswer, what: string): VendorAnswer {
  const { status } = answer
  if (status >= 200 && status < 300) return answer
  if (status === 401) throw new VendorError('credentials', `${what}: the credentials are refused (401)`)
  if (status === 403) throw new VendorError('forbidden', `${what}: the account may not read this (403)`)
  if (status === 404)
    throw new VendorError('settings', `${what}: there is nothing at this address (404); check \`url\``)
  throw new VendorError('protocol', `${what}: the vendor does not take the request (${status})`)
}

/** The value of `Authorization` for HTTP Basic (RFC 7617, in UTF-8). */
export function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}

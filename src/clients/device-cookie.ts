import type { RequestHead } from '../domain/request-head.ts'
import { cookieValues } from '../lib/cookies.ts'

/**
 * Gatehouse's own cookies in browsers. `__Host-` makes the browser hold to Secure, Path=/ and no Domain, so that no
 * sibling host can plant one; a plain-http listener cannot have it, and is for evaluation or behind a TLS terminator.
 */
export type CookiePurpose = 'device' | 'return' | 'voucher' | 'ticket'

type Scheme = RequestHead['scheme']

const names: Readonly<Record<CookiePurpose, string>> = {
  device: 'gatehouse-device',
  return: 'gatehouse-return',
  voucher: 'gatehouse-voucher',
  ticket: 'gatehouse-ticket',
}

/** Browsers keep no cookie for longer (RFC 6265bis, section 5.5). */
const deviceCookieDays = 400
const deviceSecret = /^[A-Za-z0-9_-]{43}$/

export function gatehouseCookie(purpose: CookiePurpose, scheme: Scheme): string {
  return scheme === 'https' ? `__Host-${names[purpose]}` : names[purpose]
}

function deviceCookieName(scheme: Scheme): string {
  return gatehouseCookie('device', scheme)
}

/** Is this cookie ours, so that no upstream sees or sets it? Whatever the scheme and purpose: the prefix is kept for us. */
export function isGatehouseCookie(name: string): boolean {
  return name.startsWith('__Host-gatehouse-') || name.startsWith('gatehouse-')
}

/** Every value that came under this name; more than one means that somebody has planted a cookie. */
export function readCookies(head: RequestHead, name: string): readonly string[] {
  return head.fields.has('cookie') ? cookieValues(head.fields.all('cookie'), name) : []
}

/** What the request holds as the device's secret. `invalid`: it came twice, or is nothing that we have ever issued. */
export type DeviceCookie = { readonly secret: string } | 'invalid' | undefined

export function readDeviceCookie(head: RequestHead): DeviceCookie {
  const [secret, second] = readCookies(head, deviceCookieName(head.scheme))
  if (secret === undefined) return undefined
  return second === undefined && deviceSecret.test(secret) ? { secret } : 'invalid'
}

/** @param value 32 random bytes, base64url */
export function setDeviceCookie(value: string, scheme: Scheme): string {
  return setShortCookie(deviceCookieName(scheme), value, deviceCookieDays * 86_400, scheme)
}

export function expireDeviceCookie(scheme: Scheme): string {
  return setShortCookie(deviceCookieName(scheme), '', 0, scheme)
}

/** A Set-Cookie value for one of ours. @param seconds how long it lives; 0 removes it */
export function setShortCookie(name: string, value: string, seconds: number, scheme: Scheme): string {
  const secure = scheme === 'https' ? 'Secure; ' : ''
  return `${name}=${value}; ${secure}HttpOnly; Path=/; SameSite=Lax; Max-Age=${seconds}`
}

import { isGatehouseCookie } from '../../clients/device-cookie.ts'

/** Gatehouse's cookies never reach an upstream and never come from one. */

/** Removes our cookies from a Cookie field's value; the others keep their bytes. Undefined when nothing is left. */
export function withoutGatehouseCookies(value: string): string | undefined {
  if (!value.includes('gatehouse-')) return value
  const kept = value.split(';').filter((pair) => !isGatehouseCookie(cookieName(pair)))
  const rest = kept.join(';').trimStart()
  return rest === '' ? undefined : rest
}

/** Is this Set-Cookie value for one of our names? */
export function setsGatehouseCookie(value: string): boolean {
  if (!value.includes('gatehouse-')) return false
  const end = value.indexOf(';')
  return isGatehouseCookie(cookieName(end < 0 ? value : value.slice(0, end)))
}

function cookieName(pair: string): string {
  const equals = pair.indexOf('=')
  return (equals < 0 ? pair : pair.slice(0, equals)).trim()
}

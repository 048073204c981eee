import type { IncomingHttpHeaders } from 'node:http'
import { setsGatehouseCookie } from './cookies.ts'
import { foldName } from './field-rules.ts'

/**
 * Rewrites an upstream's header fields for the client: hop-by-hop fields and those that its Connection names are
 * removed, cookies under our names are dropped, and what remains keeps its order. Framing is the client side's, but
 * Content-Length stays: it is the same body, and HEAD and 304 answer with it (RFC 9110 8.6).
 */

const perHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
])

/** Never in trailers: framing, routing, authentication, cookies, content control (RFC 9110 6.5.1). */
const notInTrailers: ReadonlySet<string> = new Set([
  'age',
  'authorization',
  'cache-control',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'cookie',
  'date',
  'expect',
  'expires',
  'forwarded',
  'host',
  'location',
  'max-forwards',
  'pragma',
  'range',
  'retry-after',
  'set-cookie',
  'te',
  'vary',
  'via',
  'www-authenticate',
])

/** The upstream's headers as undici hands them over: names in lower case, repeated fields as lists. */
export type UpstreamHeaders = IncomingHttpHeaders

/** @returns name, value, name, value */
export function clientHeaders(headers: UpstreamHeaders, status: number): string[] {
  const nominated = connectionNames(headers.connection)
  const out: string[] = []
  for (const name in headers) {
    if (perHop.has(name) || nominated?.has(name)) continue
    if (status === 204 && name === 'content-length') continue
    pushField(out, name, headers[name])
  }
  return out
}

function pushField(out: string[], name: string, value: string | string[] | undefined): void {
  if (typeof value === 'string') {
    if (name !== 'set-cookie' || !setsGatehouseCookie(value)) out.push(name, value)
  } else if (value !== undefined) {
    for (const one of value) pushField(out, name, one)
  }
}

function connectionNames(connection: string | string[] | undefined): ReadonlySet<string> | undefined {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return undefined
  const names = String(connection)
    .split(',')
    .map((name) => name.trim().toLowerCase())
  return new Set(names)
}

/** @returns the trailers that may pass, flat; undefined when there are none */
export function clientTrailers(trailers: UpstreamHeaders): string[] | undefined {
  let out: string[] | undefined
  for (const name in trailers) {
    if (isForbiddenTrailer(name)) continue
    out ??= []
    pushField(out, name, trailers[name])
  }
  return out
}

function isForbiddenTrailer(name: string): boolean {
  if (perHop.has(name) || notInTrailers.has(name)) return true
  const folded = foldName(name)
  return (
    folded.startsWith('x-forwarded-') || folded.startsWith('gatehouse-') || folded.startsWith('x-gatehouse-')
  )
}

/** Name and value pairs for the client protocols. */
export function headerPairs(headers: UpstreamHeaders): (readonly [string, string])[] {
  const flat: string[] = []
  for (const name in headers) {
    const value = headers[name]
    if (typeof value === 'string') flat.push(name, value)
    else for (const one of value ?? []) flat.push(name, one)
  }
  const pairs: (readonly [string, string])[] = []
  for (let i = 0; i < flat.length; i += 2) pairs.push([flat[i] as string, flat[i + 1] as string])
  return pairs
}

/** Does the upstream ask for a way of signing in that holds for the connection? */
/** The other challenges, for a client whose connection must not be signed in; undefined when there are none. */
export function withoutConnectionChallenges(headers: UpstreamHeaders): UpstreamHeaders | undefined {
  const challenge = headers['www-authenticate'] as string | string[] | undefined
  const others = [challenge ?? []].flat().filter((each) => !namesScheme(each))
  // The cast: Node's type knows one challenge only, undici hands over all of them.
  return others.length === 0
    ? undefined
    : ({ ...headers, 'www-authenticate': others } as unknown as UpstreamHeaders)
}

export function challengesConnection(headers: UpstreamHeaders): boolean {
  const challenge = headers['www-authenticate'] as string | string[] | undefined
  if (challenge === undefined) return false
  return typeof challenge === 'string' ? namesScheme(challenge) : challenge.some(namesScheme)
}

/** Several challenges may stand in one field, after commas; a scheme stands at the start or after a comma. */
function namesScheme(value: string): boolean {
  return value.split(',').some((part) => isConnectionScheme(part.trimStart()))
}

/** `NTLM` or `Negotiate`, alone or with a token, whatever stands between the two. */
export function isConnectionScheme(credentials: string): boolean {
  const first = credentials.charCodeAt(0) | 0x20
  return first === 0x6e && /^(?:ntlm|negotiate)(?![!#$%&'*+.^_`|~0-9a-z-])/i.test(credentials)
}

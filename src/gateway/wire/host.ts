import { isIPv4, isIPv6 } from 'node:net'

/** The value of Host, `:authority` or an absolute-form target, taken apart. */
export interface Authority {
  /** Lower case, without port and trailing dot; IPv6 in brackets. */
  readonly host: string
  /** 1 to 65535; undefined when the authority names none. */
  readonly port: number | undefined
  /** `host`, and the port when the client sent one: what the upstream gets as Host. */
  readonly authority: string
}

const longestAuthority = 262
const longestName = 253
const longestLabel = 63

/**
 * Reads `host[:port]` (RFC 9110 4.2.3 without userinfo). Underscores, percent escapes, zones, empty labels and
 * anything behind the port are no hosts: the name chooses service, certificate and policy.
 *
 * @returns undefined when it is no host
 */
export function parseAuthority(text: string): Authority | undefined {
  if (text.length === 0 || text.length > longestAuthority) return undefined
  const end = text.charCodeAt(0) === 0x5b ? text.indexOf(']') + 1 : hostEnd(text)
  if (end === 0) return undefined
  const host = canonicalHost(text.slice(0, end))
  if (host === undefined) return undefined
  if (end === text.length) return { host, port: undefined, authority: host }
  const port = parsePort(text, end)
  return port === 0 ? undefined : { host, port, authority: `${host}:${port}` }
}

/** Do two authorities name the same server? The default port of the scheme counts as none. */
export function sameAuthority(a: Authority, b: Authority, scheme: 'http' | 'https'): boolean {
  const defaultPort = scheme === 'https' ? 443 : 80
  return a.host === b.host && (a.port ?? defaultPort) === (b.port ?? defaultPort)
}

function hostEnd(text: string): number {
  const colon = text.indexOf(':')
  return colon < 0 ? text.length : colon
}

function canonicalHost(text: string): string | undefined {
  const host = text.toLowerCase()
  if (host.charCodeAt(0) === 0x5b) return isIPv6(host.slice(1, -1)) && !host.includes('%') ? host : undefined
  const name = host.endsWith('.') ? host.slice(0, -1) : host
  return isName(name) ? name : undefined
}

function isName(name: string): boolean {
  if (name.length === 0 || name.length > longestName) return false
  let label = 0
  let numeric = true
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i)
    if (code === 0x2e) {
      if (label === 0 || name.charCodeAt(i - 1) === 0x2d) return false
      label = 0
      numeric = true
      continue
    }
    const digit = code >= 0x30 && code <= 0x39
    const letter = code >= 0x61 && code <= 0x7a
    if (!digit && !letter && !(code === 0x2d && label > 0)) return false
    numeric &&= digit
    if (++label > longestLabel) return false
  }
  if (label === 0 || name.charCodeAt(name.length - 1) === 0x2d) return false
  // A numeric last label is an IPv4 address or nothing: resolvers read `127.1` and `0177.0.0.1` in their own ways.
  return !numeric || isIPv4(name)
}

/** @returns 0 when it is no port */
function parsePort(text: string, colon: number): number {
  if (text.charCodeAt(colon) !== 0x3a) return 0
  const digits = text.length - colon - 1
  if (digits < 1 || digits > 5 || text.charCodeAt(colon + 1) === 0x30) return 0
  let port = 0
  for (let i = colon + 1; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30
    if (digit < 0 || digit > 9) return 0
    port = port * 10 + digit
  }
  return port <= 65535 ? port : 0
}

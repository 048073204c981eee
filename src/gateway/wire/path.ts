import type { PathRules } from '../../domain/service.ts'
import { type Refused, refuse } from './refused.ts'

export interface CanonicalPath {
  /** Differs from the client's bytes in spelling only: unreserved characters decoded, other escapes in upper case. */
  readonly path: string
  /** Decoded and without parameters where the service allows encoded slashes or `;`; otherwise `path`. */
  readonly decodedPath: string
}

/** What holds for a host that belongs to no service. */
export const strictPathRules: PathRules = { encodedSlash: false, parameters: false, caseInsensitive: false }

/**
 * Makes the one form of a path that policy and routing match on, and refuses a path for which two reasonable
 * programs could come to two resources (`proxy-security` 5): whoever decodes twice, merges slashes, drops parameters
 * or resolves dots must arrive at the same place as whoever does not.
 *
 * @param raw the target up to its first `?`: visible ASCII, starting with a slash
 */
export function canonicalPath(raw: string, rules: PathRules): CanonicalPath | Refused {
  if (raw.charCodeAt(0) !== 0x2f) return refuse('http.target', 'the path does not begin with a slash')
  const escaped = raw.includes('%')
  const path = escaped ? normaliseEscapes(raw) : raw
  if (typeof path !== 'string') return path
  const refused = findAmbiguity(path, rules) ?? (escaped ? findBadEscape(path, rules) : undefined)
  if (refused !== undefined) return refused
  return rules.encodedSlash || rules.parameters ? withDecoded(path) : { path, decodedPath: path }
}

/** Decodes escapes of unreserved characters (RFC 3986 2.3) and writes the others in upper case. */
function normaliseEscapes(raw: string): string | Refused {
  let path = ''
  let from = 0
  for (let at = raw.indexOf('%'); at >= 0; at = raw.indexOf('%', at + 3)) {
    const octet = octetAt(raw, at)
    if (octet < 0) return refuse('path.ambiguous', 'a malformed percent escape')
    path += raw.slice(from, at)
    path += isUnreserved(octet) ? String.fromCharCode(octet) : raw.slice(at, at + 3).toUpperCase()
    from = at + 3
  }
  return path + raw.slice(from)
}

/** Empty and dot segments, backslashes and parameters, in one pass. */
function findAmbiguity(path: string, rules: PathRules): Refused | undefined {
  let start = 1
  for (let i = 1; i <= path.length; i++) {
    const code = i < path.length ? path.charCodeAt(i) : 0x2f
    if (code === 0x5c) return refuse('path.ambiguous', 'a backslash')
    if (code === 0x3b && !rules.parameters) return refuse('path.ambiguous', 'a path parameter')
    if (code !== 0x2f) continue
    if (i === start && i < path.length) return refuse('path.ambiguous', 'an empty segment')
    if (isDotSegment(path, start, i)) return refuse('path.ambiguous', 'a dot segment')
    start = i + 1
  }
  return undefined
}

/** `.`, `..`, or either of them before a parameter: `..;x` is a parent step for servers that drop parameters. */
function isDotSegment(path: string, start: number, end: number): boolean {
  if (path.charCodeAt(start) !== 0x2e || start === end) return false
  let dots = start + 1
  if (dots < end && path.charCodeAt(dots) === 0x2e) dots++
  return dots === end || path.charCodeAt(dots) === 0x3b
}

/**
 * Escapes that some server takes for structure, and octets that are no UTF-8 (overlong forms of `/` and `.` among
 * them). `%25` may not expose such an escape to a server that decodes twice.
 */
function findBadEscape(path: string, rules: PathRules): Refused | undefined {
  for (let at = path.indexOf('%'); at >= 0; at = path.indexOf('%', at + 3)) {
    const octet = octetAt(path, at)
    if (octet === 0x25 && isStructural(secondOctet(path, at))) {
      return refuse('path.ambiguous', 'an escape within an escape')
    }
    if (octet === 0x2f && rules.encodedSlash) continue
    if (octet === 0x3b && rules.parameters) continue
    if (octet !== 0x25 && isStructural(octet))
      return refuse('path.ambiguous', 'an escape of a delimiter or control byte')
  }
  return decodes(path) ? undefined : refuse('path.ambiguous', 'escapes that are no UTF-8')
}

function isStructural(octet: number): boolean {
  if (octet < 0) return false
  return (
    octet < 0x20 ||
    octet === 0x7f ||
    octet === 0x25 ||
    octet === 0x2e ||
    octet === 0x2f ||
    octet === 0x3b ||
    octet === 0x5c
  )
}

/** What stands behind `%25` as a server that decodes twice would see it. */
function secondOctet(path: string, at: number): number {
  return hexPair(path.charCodeAt(at + 3), path.charCodeAt(at + 4))
}

function withDecoded(path: string): CanonicalPath | Refused {
  const decoded = decodeURIComponent(path)
  const decodedPath = decoded.includes(';') ? decoded.replaceAll(/;[^/]*/g, '') : decoded
  const structure = findAmbiguity(decodedPath, strictPathRules)
  return structure ?? { path, decodedPath }
}

function decodes(path: string): boolean {
  try {
    decodeURIComponent(path)
    return true
  } catch {
    return false
  }
}

function isUnreserved(octet: number): boolean {
  return (
    (octet >= 0x61 && octet <= 0x7a) ||
    (octet >= 0x41 && octet <= 0x5a) ||
    (octet >= 0x30 && octet <= 0x39) ||
    octet === 0x2d ||
    octet === 0x2e ||
    octet === 0x5f ||
    octet === 0x7e
  )
}

/** @returns -1 when no two hexadecimal digits follow */
function octetAt(path: string, percent: number): number {
  return hexPair(path.charCodeAt(percent + 1), path.charCodeAt(percent + 2))
}

function hexPair(high: number, low: number): number {
  const first = hexDigit(high)
  const second = hexDigit(low)
  return first < 0 || second < 0 ? -1 : first * 16 + second
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

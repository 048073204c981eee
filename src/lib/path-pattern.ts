import { compileWildcard } from './wildcard.ts'

export type PathPredicate = (path: string) => boolean

/**
 * Compiles a pattern of canonical paths. Whole segments only, since a prefix without a boundary lets `/administrator` pass
 * for `/admin`:
 *
 * - `/admin` covers `/admin` and everything below it, `/admin/…`; `/` alone is only the root itself
 * - `/admin/*` and `/admin/` cover everything below `/admin`, but not `/admin`; `/*` covers every path
 * - a `*` elsewhere stands for characters within one segment; a segment `*` for one that is not empty
 *
 * @param options `decoded`: for paths of which every escape was decoded, as the pattern's are then
 * @throws {RangeError} for a pattern that no canonical path can match, with the reason
 */
export function compilePathPattern(
  pattern: string,
  { caseInsensitive = false, decoded = false }: PathPatternOptions = {},
): PathPredicate {
  checkPattern(pattern)
  const text = decoded ? decodeEscapes(pattern) : pattern
  if (!caseInsensitive) return compile(text)
  const matches = compile(text.toLowerCase())
  return (path) => matches(path.toLowerCase())
}

export interface PathPatternOptions {
  readonly caseInsensitive?: boolean
  readonly decoded?: boolean
}

/** Escapes that are no UTF-8 stay: no path holds them. */
export function decodeEscapes(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function compile(pattern: string): PathPredicate {
  if (pattern === '/') return (path) => path === '/'
  const below = pattern.endsWith('/*') ? pattern.slice(0, -1) : pattern.endsWith('/') ? pattern : undefined
  if (!(below ?? pattern).includes('*')) {
    if (below !== undefined) return (path) => path.startsWith(below)
    return (path) =>
      path.startsWith(pattern) && (path.length === pattern.length || path[pattern.length] === '/')
  }
  return bySegment((below ?? pattern).slice(1).split('/'))
}

/** A last segment that is empty means: anything below. */
function bySegment(segments: readonly string[]): PathPredicate {
  const matchers = segments.map((segment) =>
    segment === '*' ? (text: string) => text !== '' : segment === '' ? () => true : compileWildcard(segment),
  )
  return (path) => {
    let start = 1
    for (const matches of matchers) {
      if (start > path.length) return false
      const slash = path.indexOf('/', start)
      const end = slash < 0 ? path.length : slash
      if (!matches(path.slice(start, end))) return false
      start = end + 1
    }
    return true
  }
}

function checkPattern(pattern: string): void {
  const mistake = mistakeIn(pattern)
  if (mistake !== undefined) throw new RangeError(`${JSON.stringify(pattern.slice(0, 60))}: ${mistake}`)
}

/** What the canonical form of a path never holds; see `gateway/wire/` for that form. */
function mistakeIn(pattern: string): string | undefined {
  if (!pattern.startsWith('/')) return 'a path begins with /'
  if (pattern.length > 1024) return 'longer than 1024 characters'
  if (/[?#]/.test(pattern)) return 'patterns match the path alone; leave out ? and # and what follows'
  if (/[^\x21-\x7e]/.test(pattern))
    return 'spaces and letters beyond ASCII stand percent-encoded in a path (%20)'
  if (/[\\;]/.test(pattern)) return 'backslashes and ; are never part of the path that rules see'
  if (pattern.includes('**')) return 'a single * stands for one segment; end with /* for everything below'
  if (pattern.includes('//')) return 'empty segments (//) are refused in every request'
  if (/\/\.\.?(\/|$)/.test(pattern)) return 'dot segments (. and ..) are refused in every request'
  return escapeMistake(pattern)
}

function escapeMistake(pattern: string): string | undefined {
  for (const [octet] of pattern.matchAll(/%.{0,2}/g)) {
    if (!/^%[0-9a-f]{2}$/i.test(octet)) return `${octet} is no percent-encoding`
    const character = String.fromCharCode(Number.parseInt(octet.slice(1), 16))
    if (/[\w.~-]/.test(character)) return `write ${character} instead of ${octet}`
    if (octet !== octet.toUpperCase()) return `write ${octet.toUpperCase()} instead of ${octet}`
  }
  return undefined
}

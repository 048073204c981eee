import { z } from 'zod'
import type { RequestFacts } from '../../domain/decision.ts'
import { compilePathPattern, decodeEscapes } from '../../lib/path-pattern.ts'
import { defineCondition } from '../condition.ts'
import { guardOfNames, listOf, oneOrMany } from '../values.ts'

const pattern = z.string().check(({ value, issues }) => {
  try {
    compilePathPattern(value)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    issues.push({ code: 'custom', input: value, message: error.message })
  }
})

export const path = defineCondition({
  name: 'path',
  description:
    'The canonical path, without the query. `/admin` covers `/admin` and everything below; `/admin/*` only what is below; a `*` elsewhere stays within one segment. A rule that refuses or redirects matches in every letter case, since some servers do not tell them apart; a rule that allows matches exactly.',
  example: '[/admin, "/realms/*/account"]',
  schema: oneOrMany(pattern),
  compile(value, { closing }) {
    const patterns = listOf(value).map((text) => compileBothWays(text, closing))
    return ({ facts }) => patterns.some((matches) => matches(facts))
  },
  found: ({ facts }) =>
    facts.decodedPath === undefined ? facts.path : `${facts.path} (decoded: ${facts.decodedPath})`,
  guard(value) {
    const segments = listOf(value).flatMap((text) => [firstSegment(text), firstSegment(decodeEscapes(text))])
    return segments.includes('') ? undefined : guardOfNames([...new Set(segments)])
  },
  guardValues({ facts: { path, decodedPath } }) {
    const segment = firstSegment(path)
    return decodedPath === undefined ? [segment] : [...new Set([segment, firstSegment(decodedPath)])]
  },
})

/**
 * Another spelling of a path (`%3A` for `:`, a parameter behind a segment) is the same path to the upstream: it must
 * not lead past a rule that closes, nor into one that opens.
 */
function compileBothWays(text: string, closing: boolean): (facts: RequestFacts) => boolean {
  const matches = compilePathPattern(text, { caseInsensitive: closing })
  const matchesDecoded = compilePathPattern(text, { caseInsensitive: closing, decoded: true })
  return ({ path, decodedPath }) => {
    if (decodedPath === undefined) return matches(path)
    return closing
      ? matches(path) || matchesDecoded(decodedPath)
      : matches(path) && matchesDecoded(decodedPath)
  }
}

function firstSegment(text: string): string {
  const slash = text.indexOf('/', 1)
  return text.slice(1, slash < 0 ? text.length : slash).toLowerCase()
}

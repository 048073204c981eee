import { z } from 'zod'
import { compilePathPattern } from '../../lib/path-pattern.ts'
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
    const patterns = listOf(value).map((text) => compilePathPattern(text, { caseInsensitive: closing }))
    const [only] = patterns
    if (patterns.length === 1 && only !== undefined) return ({ facts }) => only(facts.path)
    return ({ facts }) => patterns.some((matches) => matches(facts.path))
  },
  found: ({ facts }) => facts.path,
  guard(value) {
    const segments = listOf(value).map(firstSegment)
    return segments.includes('') ? undefined : guardOfNames(segments)
  },
  guardValues: ({ facts }) => [firstSegment(facts.path)],
})

function firstSegment(text: string): string {
  const slash = text.indexOf('/', 1)
  return text.slice(1, slash < 0 ? text.length : slash).toLowerCase()
}

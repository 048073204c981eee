import { z } from 'zod'
import { parseDuration } from '../lib/units.ts'
import { compileWildcard } from '../lib/wildcard.ts'
import type { PatternGuard } from './condition.ts'

/** One value or a list of them; a list means any of. */
export function oneOrMany<Schema extends z.ZodType>(schema: Schema, error?: string) {
  return z.union([schema, z.array(schema).min(1)], error)
}

export function listOf<Value>(value: Value | readonly Value[]): readonly Value[] {
  // A union with a readonly array is not narrowed by isArray; the check is the reason.
  return Array.isArray(value) ? (value as readonly Value[]) : [value as Value]
}

export const nameSchema = z.string().min(1).max(200)

export const durationSchema = z.string().check(({ value, issues }) => {
  if (parseDuration(value) === undefined) {
    issues.push({ code: 'custom', input: value, message: 'must be a duration such as 30s, 10m, 24h or 7d' })
  }
})

/** @throws {RangeError} for text that the schema would have refused */
export function milliseconds(text: string): number {
  const value = parseDuration(text)
  if (value === undefined) throw new RangeError(`no duration: ${text}`)
  return value
}

/** Names and patterns with `*`; the names by one look-up. Letter case does not count: pass names in lower case. */
export function compileNames(patterns: readonly string[]): (name: string) => boolean {
  const lower = patterns.map((pattern) => pattern.toLowerCase())
  const names = new Set(lower.filter((pattern) => !pattern.includes('*')))
  const wildcards = lower.filter((pattern) => pattern.includes('*')).map(compileWildcard)
  if (wildcards.length === 0) return (name) => names.has(name)
  return (name) => names.has(name) || wildcards.some((matches) => matches(name))
}

/** For the index: the names themselves, or patterns with their matcher. */
export function guardOfNames(patterns: readonly string[]): readonly string[] | PatternGuard {
  const lower = patterns.map((pattern) => pattern.toLowerCase())
  if (!lower.some((pattern) => pattern.includes('*'))) return lower
  return { values: lower, admits: compileNames(lower) }
}

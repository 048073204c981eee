import type { z } from 'zod'
import { nearMatch } from './near-match.ts'
import { type KeyPath, keyText, type Problem, type YamlDocument } from './yaml-document.ts'

export type Checked<Value> =
  | { readonly value: Value; readonly problems: readonly [] }
  | { readonly value: undefined; readonly problems: readonly Problem[] }

/**
 * Checks a document against a schema and says each mistake in words that an administrator can act on: what was found, what
 * is allowed, which name was probably meant. Strict objects (`z.strictObject`) refuse unknown keys.
 */
export function checkWith<Schema extends z.ZodType>(
  schema: Schema,
  document: YamlDocument,
): Checked<z.output<Schema>> {
  if (document.problems.length > 0) return { value: undefined, problems: document.problems }
  const result = schema.safeParse(document.value, { error: sentence, reportInput: true })
  if (result.success) return { value: result.data, problems: [] }
  const mistakes = result.error.issues.flatMap((issue) => mistakesOf(issue, []))
  return { value: undefined, problems: mistakes.map((mistake) => problemOf(mistake, document)) }
}

interface Mistake {
  readonly path: KeyPath
  readonly message: string
  /** The key itself is wrong, not its value. */
  readonly atKey: boolean
}

function problemOf({ path, message, atKey }: Mistake, document: YamlDocument): Problem {
  const position = document.position(path, atKey ? 'key' : 'value')
  return { file: document.file, ...position, key: keyText(path), message }
}

function mistakesOf(issue: z.core.$ZodIssue, above: KeyPath): Mistake[] {
  const path = [...above, ...issue.path.map((step) => (typeof step === 'number' ? step : String(step)))]
  switch (issue.code) {
    case 'unrecognized_keys': {
      // The sentence lists what is allowed; it was made where the schema was at hand, see `unknownKeys`.
      const sentences = issue.message.split('\n')
      return issue.keys.map((key, index) => ({
        path: [...path, key],
        message: sentences[index] ?? 'unknown key',
        atKey: true,
      }))
    }
    case 'invalid_union':
      return unionMistakes(issue, path) ?? [{ path, message: issue.message, atKey: false }]
    case 'invalid_key':
      return [{ path, message: issue.issues[0]?.message ?? issue.message, atKey: true }]
    default:
      return [{ path, message: issue.message, atKey: false }]
  }
}

/**
 * The mistakes within the one alternative that was meant: the one of the right type. When none is, what each
 * of them expects.
 */
function unionMistakes(union: z.core.$ZodIssueInvalidUnion, path: KeyPath): Mistake[] | undefined {
  const alternatives = union.errors
  const meant = alternatives.filter((issues) => !issues.some(isWrongType))
  const [first, ...others] = meant.map((issues) => issues.flatMap((issue) => mistakesOf(issue, path)))
  if (first !== undefined) {
    return others.reduce((best, next) => (worst(next) > worst(best) ? next : best), first)
  }
  // The schema has its own words for this.
  if (union.message !== noWords) return undefined
  const expected = new Set(alternatives.flat().filter(isWrongType).flatMap(expectation))
  const found = alternatives.flat().find(isWrongType)
  if (found === undefined) return undefined
  return [
    { path, message: `must be ${[...expected].join(' or ')}, not ${kindOf(found.input)}`, atKey: false },
  ]
}

/** Mistakes further inside mean that more of the alternative fits. */
function worst(mistakes: readonly Mistake[]): number {
  return Math.max(...mistakes.map(({ path }) => path.length))
}

function isWrongType(issue: z.core.$ZodIssue): boolean {
  if (issue.path.length > 0) return false
  return (
    issue.code === 'invalid_type' ||
    (issue.code === 'invalid_value' && typeof issue.input !== 'string') ||
    (issue.code === 'invalid_union' && issue.errors.every((issues) => issues.some(isWrongType)))
  )
}

function expectation(issue: z.core.$ZodIssue): string[] {
  if (issue.code === 'invalid_type') return [typeName(issue.expected)]
  if (issue.code === 'invalid_value') return issue.values.map((value) => String(value))
  if (issue.code === 'invalid_union') return issue.errors.flat().filter(isWrongType).flatMap(expectation)
  return []
}

/** What zod says of an alternative when nobody else does. */
const noWords = 'Invalid input'

/** The error map: every message of zod in our words. A schema's own `error` goes first. */
function sentence(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      if (issue.input === undefined) return `is missing: ${typeName(issue.expected)}`
      return `must be ${typeName(issue.expected)}, not ${kindOf(issue.input)}`
    case 'invalid_value':
      return oneOf(issue.values.map(String), issue.input)
    case 'unrecognized_keys':
      return unknownKeys(issue.keys, issue.inst)
    case 'too_small':
      return `must be ${bound(issue.origin, issue.inclusive ? 'at least' : 'more than', issue.minimum)}`
    case 'too_big':
      return `must be ${bound(issue.origin, issue.inclusive ? 'at most' : 'less than', issue.maximum)}`
    case 'invalid_union':
      return Array.isArray(issue.options) ? oneOf(issue.options.map(String), undefined) : undefined
    default:
      return undefined
  }
}

function bound(origin: string, relation: string, limit: number | bigint): string {
  const unit = origin === 'string' ? ' characters long' : origin === 'array' ? ' entries long' : ''
  return `${relation} ${limit}${unit}`
}

/** `must be one of …`, with the nearest of them when there is one. */
export function oneOf(allowed: readonly string[], found: unknown): string {
  const near = typeof found === 'string' ? nearMatch(found, allowed) : undefined
  const hint = near === undefined ? '' : `; did you mean ${near}?`
  const choice = allowed.length === 1 ? allowed[0] : `one of ${allowed.join(', ')}`
  return `must be ${choice}${found === undefined ? '' : `, not ${shown(found)}`}${hint}`
}

/** One line a key. */
function unknownKeys(keys: readonly string[], schema: unknown): string {
  const allowed = shapeKeys(schema)
  return keys
    .map((key) => {
      const near = nearMatch(key, allowed)
      const hint = near === undefined ? '' : ` Did you mean ${near}?`
      return `unknown key.${hint} Allowed here: ${allowed.join(', ')}`
    })
    .join('\n')
}

function shapeKeys(schema: unknown): string[] {
  // zod hands over whatever raised the issue; only objects raise this one, and they have a shape.
  const shape = (schema as { _zod?: { def?: { shape?: Record<string, unknown> } } } | undefined)?._zod?.def
    ?.shape
  return Object.keys(shape ?? {})
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping (key: value)',
  record: 'a mapping (key: value)',
}

function typeName(expected: string): string {
  return typeNames[expected] ?? expected
}

/** A value of the wrong type is only named, never printed: it may be a secret that was typed in the wrong place. */
function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'empty'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  return typeof value === 'string' ? 'a text' : typeof value === 'number' ? 'a number' : String(value)
}

function shown(value: unknown): string {
  if (typeof value !== 'string') return kindOf(value)
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
}

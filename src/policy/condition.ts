import type { z } from 'zod'
import type { Subject } from './subject.ts'

/**
 * Whether a condition holds; undefined when request and state lack the value it looks at. Unknown stays unknown
 * through `not`, so that a device cannot get in by keeping a fact to itself.
 */
export type Truth = boolean | undefined

export type ConditionName =
  | 'network'
  | 'service'
  | 'client'
  | 'path'
  | 'method'
  | 'signIn'
  | 'user'
  | 'group'
  | 'platform'
  | 'model'
  | 'osVersion'
  | 'evidence'
  | 'binding'
  | 'registeredBy'
  | 'registeredWithin'
  | 'posture'
  | 'vendor'
  | 'match'
  | 'vendorSeenWithin'

/** One condition of the policy language: a file in `conditions/` and a line in `conditions/table.ts`. */
export interface ConditionSpec<Value> {
  readonly name: ConditionName
  /** For the reference page and the editor. */
  readonly description: string
  /** The value as YAML. */
  readonly example: string
  /** When it cannot be known; undefined: always known. */
  readonly unknown?: string
  readonly schema: z.ZodType<Value>
  /** Runs once for each use in a policy; what it returns runs on each request. */
  compile(value: Value, context: CompileContext): (subject: Subject) => Truth
  /** What the request had, for explanations; undefined when that is not known. */
  found(subject: Subject): string | undefined
  /** See `Guard`. Undefined when these values give none. */
  guard?(value: Value, context: CompileContext): readonly string[] | PatternGuard | undefined
  /**
   * The subject's own values for the index. `undefined`: not known. `'any'`: the condition could hold whatever
   * it lists.
   */
  guardValues?(subject: Subject, context: IndexContext): readonly string[] | undefined | 'any'
}

export interface PatternGuard {
  /** The texts of the patterns. */
  readonly values: readonly string[]
  readonly admits: (value: string) => boolean
}

/** As the table holds it: the value's type is the spec's own affair, since the schema has checked it. */
export interface Condition {
  readonly name: ConditionName
  readonly description: string
  readonly example: string
  readonly unknown?: string
  readonly schema: z.ZodType
  compile(value: unknown, context: CompileContext): (subject: Subject) => Truth
  found(subject: Subject): string | undefined
  /** Values of which the subject must have one, or the condition is false. The index finds rules by them. */
  guard(value: unknown, context: CompileContext): Guard | undefined
}

/** A rule with this guard needs looking at only when the subject has one of the values, or may have. */
export interface Guard {
  readonly condition: ConditionName
  readonly values: readonly string[]
  /** Where `values` are patterns: does one of them fit? */
  readonly admits?: (value: string) => boolean
  readonly of: (subject: Subject, context: IndexContext) => readonly string[] | undefined | 'any'
}

export interface CompileContext {
  /**
   * A condition that, when it holds, brings the rule nearer to closing the door: one of a refusing rule, or one
   * under `not` of an allowing rule. It rather matches too much.
   */
  readonly closing: boolean
  /** The policy file lists the members of this group. */
  readonly definesGroup: (group: string) => boolean
  readonly isMember: (group: string, user: string) => boolean
}

export interface IndexContext {
  readonly groupsOf: (user: string) => readonly string[]
}

export function defineCondition<Value>(spec: ConditionSpec<Value>): Condition {
  const { guard, guardValues } = spec
  return {
    name: spec.name,
    description: spec.description,
    example: spec.example,
    ...(spec.unknown === undefined ? {} : { unknown: spec.unknown }),
    schema: spec.schema,
    // The schema has checked each value before it gets here.
    compile: (value, context) => spec.compile(value as Value, context),
    found: (subject) => spec.found(subject),
    guard(value, context) {
      const own = guard?.call(spec, value as Value, context)
      if (own === undefined || guardValues === undefined) return undefined
      const base = { condition: spec.name, of: guardValues.bind(spec) }
      return 'admits' in own ? { ...base, ...own } : { ...base, values: own }
    },
  }
}

import type { CompileContext, Guard } from './condition.ts'
import { endOf, startOf } from './dates.ts'
import type { Rule, When } from './document.ts'
import { compileWhen, type Evaluate, guardsOf } from './when.ts'

/** A rule that is ready to be tried. */
export interface CompiledRule {
  readonly rule: Rule
  /** Its place in its list: the first that matches decides. */
  readonly index: number
  /**
   * Refusing and redirecting rules match too when their conditions are not known: what a client keeps to itself must not help it past
   * them. Allowing and approving rules match only on what is known.
   */
  readonly closing: boolean
  readonly evaluate: Evaluate
  readonly guards: readonly Guard[]
  /** Services that it can match; undefined: all. */
  readonly services: ReadonlySet<string> | undefined
  /** In force from `from` until before `until`, milliseconds since the epoch. */
  readonly from: number
  readonly until: number
}

export function compileRule(
  rule: Rule,
  index: number,
  context: Omit<CompileContext, 'closing'>,
): CompiledRule {
  const closing = rule.then !== 'allow' && rule.then !== 'approve'
  const own = { ...context, closing }
  const guards = guardsOf(rule.when, own)
  const services = guards.find(({ condition }) => condition === 'service')?.values
  return {
    rule,
    index,
    closing,
    evaluate: compileWhen(rule.when ?? always, own),
    guards: guards.filter(({ condition }) => condition !== 'service'),
    services: services === undefined ? undefined : new Set(services),
    // The parser has refused dates that cannot be read.
    from: rule.from === undefined ? Number.NEGATIVE_INFINITY : startOf(rule.from)!,
    until: rule.until === undefined ? Number.POSITIVE_INFINITY : endOf(rule.until)!,
  }
}

const always: When = {}

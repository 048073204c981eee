import { isDeepStrictEqual } from 'node:util'
import type { Rule, When } from './document.ts'
import { listOf } from './values.ts'

type Polarity = 'as it is' | 'negated' | 'anywhere'

/** The values that the condition `key` is given in `when`, at any depth: outside of `not`, within it, or both. */
export function mentions(when: When | undefined, key: string, polarity: Polarity): unknown[] {
  if (when === undefined) return []
  const own = polarity === 'negated' ? undefined : when[key as keyof When]
  const inner = [...(when.any ?? []), ...(when.all ?? [])].flatMap((part) => mentions(part, key, polarity))
  return [...(own === undefined ? [] : [own]), ...inner, ...mentions(when.not, key, opposite(polarity))]
}

function opposite(polarity: Polarity): Polarity {
  return polarity === 'anywhere' ? polarity : polarity === 'negated' ? 'as it is' : 'negated'
}

/** Rules that an earlier one always forestalls. Only what is certain is told: it asks for less, in the same words. */
export function unreachableRules(rules: readonly Rule[]): { rule: string; message: string }[] {
  return rules.flatMap((rule, index) => {
    const before = rules.slice(0, index).find((earlier) => forestalls(earlier, rule))
    if (before === undefined) return []
    return [{ rule: rule.name, message: `is never reached: ${before.name} always decides before it` }]
  })
}

function forestalls(earlier: Rule, later: Rule): boolean {
  const always = earlier.mode === 'enforce' && earlier.from === undefined && earlier.until === undefined
  // A rule that allows passes over what is not known; a later one that refuses may still match then.
  const seesLess = opensDoor(earlier) && !opensDoor(later) && earlier.when !== undefined
  return always && !seesLess && asksForLess(earlier.when ?? {}, later.when ?? {})
}

function opensDoor({ then }: Rule): boolean {
  return then === 'allow' || then === 'approve'
}

/** Each condition of `wide` is also one of `narrow`, with the same value or with fewer in the list. */
function asksForLess(wide: When, narrow: When): boolean {
  return Object.entries(wide).every(([key, value]) => {
    const own = narrow[key as keyof When]
    if (value === undefined || isDeepStrictEqual(value, own)) return true
    if (own === undefined || key === 'not' || key === 'any' || key === 'all') return false
    const wanted = listOf(value as string | string[])
    return listOf(own as string | string[]).every((item) => wanted.includes(item))
  })
}

/**
 * Finds the rules of a list that could match a request without trying each: a thousand rules that name a thousand users
 * cost about as much as ten. It only leaves out rules that cannot match, so what is decided is the same with and without it.
 */
import type { Guard, IndexContext } from './condition.ts'
import type { CompiledRule } from './rule.ts'
import type { Subject } from './subject.ts'

export interface RuleList {
  /** Every rule in order, for explanations. */
  readonly rules: readonly CompiledRule[]
  /** Those that could match, in order. */
  candidates(subject: Subject): readonly CompiledRule[]
}

export function compileRuleList(rules: readonly CompiledRule[], context: IndexContext): RuleList {
  const named = new Set(rules.flatMap(({ services }) => [...(services ?? [])]))
  const forService = (name: string | undefined) =>
    indexRules(
      rules.filter(({ services }) => services === undefined || (name !== undefined && services.has(name))),
      context,
    )
  const byService = new Map([...named].map((name) => [name, forService(name)]))
  const others = forService(undefined)
  return {
    rules,
    candidates: (subject) => (byService.get(subject.facts.service) ?? others)(subject),
  }
}

type FindCandidates = (subject: Subject) => readonly CompiledRule[]

/** All rules that are found by one condition's values. */
interface Shelf {
  readonly of: Guard['of']
  readonly byValue: Map<string, CompiledRule[]>
  /** Rules to try when the value is not known: those that then match, see `CompiledRule.closing`. */
  readonly closing: CompiledRule[]
  readonly all: CompiledRule[]
}

/** Below this, trying each rule is cheaper than finding the ones to try. */
const worthIndexing = 8

function indexRules(rules: readonly CompiledRule[], context: IndexContext): FindCandidates {
  if (rules.length < worthIndexing) return () => rules
  const shelves = new Map<string, Shelf>()
  const always: CompiledRule[] = []
  const crowds = countValues(rules)
  for (const rule of rules) {
    const guard = mostTelling(rule.guards, crowds)
    if (guard === undefined) always.push(rule)
    else shelve(rule, guard, shelves)
  }
  const list = [...shelves.values()]
  return (subject) => {
    let found: readonly CompiledRule[] = always
    for (const shelf of list) found = addFrom(shelf, subject, { context, found })
    return found
  }
}

function addFrom(
  shelf: Shelf,
  subject: Subject,
  { context, found }: { readonly context: IndexContext; readonly found: readonly CompiledRule[] },
): readonly CompiledRule[] {
  const values = shelf.of(subject, context)
  if (values === undefined) return mergeInOrder(found, shelf.closing)
  if (values === 'any') return mergeInOrder(found, shelf.all)
  let merged = found
  for (const value of values) {
    const rules = shelf.byValue.get(value)
    if (rules !== undefined) merged = mergeInOrder(merged, rules)
  }
  return merged
}

function shelve(rule: CompiledRule, guard: Guard, shelves: Map<string, Shelf>): void {
  let shelf = shelves.get(guard.condition)
  if (shelf === undefined) {
    shelf = { of: guard.of, byValue: new Map(), closing: [], all: [] }
    shelves.set(guard.condition, shelf)
  }
  shelf.all.push(rule)
  if (rule.closing) shelf.closing.push(rule)
  for (const value of new Set(guard.values)) {
    const rules = shelf.byValue.get(value)
    if (rules === undefined) shelf.byValue.set(value, [rule])
    else rules.push(rule)
  }
}

/** How many rules name each value of each condition. */
function countValues(rules: readonly CompiledRule[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { guards } of rules) {
    for (const { condition, values } of guards) {
      for (const value of values) {
        const key = `${condition}\0${value}`
        counts.set(key, (counts.get(key) ?? 0) + 1)
      }
    }
  }
  return counts
}

/** The guard whose values the fewest rules share. */
function mostTelling(guards: readonly Guard[], crowds: ReadonlyMap<string, number>): Guard | undefined {
  let best: Guard | undefined
  let smallest = Number.POSITIVE_INFINITY
  for (const guard of guards) {
    const crowd = Math.max(...guard.values.map((value) => crowds.get(`${guard.condition}\0${value}`) ?? 0))
    if (crowd < smallest) {
      best = guard
      smallest = crowd
    }
  }
  return best
}

/** Both are in order; a rule that is in both (it names several of the subject's values) stands once. */
function mergeInOrder(a: readonly CompiledRule[], b: readonly CompiledRule[]): readonly CompiledRule[] {
  if (a.length === 0) return b
  if (b.length === 0) return a
  const merged: CompiledRule[] = []
  let i = 0
  let j = 0
  while (i < a.length && j < b.length) {
    const order = a[i]!.index - b[j]!.index
    merged.push(order <= 0 ? a[i]! : b[j]!)
    if (order <= 0) i++
    if (order >= 0) j++
  }
  while (i < a.length) merged.push(a[i++]!)
  while (j < b.length) merged.push(b[j++]!)
  return merged
}

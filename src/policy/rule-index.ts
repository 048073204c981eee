/**
 * Finds the rules of a list that could match a request without trying each: a thousand rules that name a thousand users
 * cost about as much as ten. It only leaves out rules that cannot match, so what is decided is the same with and without it.
 */
import { boundedMemo } from '../lib/bounded-memo.ts'
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
    indexEntries(
      rules
        .filter(({ services }) => services === undefined || (name !== undefined && services.has(name)))
        .map((rule) => ({ rule, guards: rule.guards })),
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

/** A rule on its way into the index, with the guards that are left to place it by. */
interface Entry {
  readonly rule: CompiledRule
  readonly guards: readonly Guard[]
}

/** Below this, trying each rule is cheaper than finding the ones to try. */
const worthIndexing = 8

function indexEntries(entries: readonly Entry[], context: IndexContext): FindCandidates {
  const rules = entries.map(({ rule }) => rule)
  if (rules.length < worthIndexing) return () => rules
  const crowds = countValues(entries)
  const always: CompiledRule[] = []
  const shelved = new Map<string, Shelved[]>()
  for (const entry of entries) {
    const guard = mostTelling(entry.guards, crowds)
    if (guard === undefined) always.push(entry.rule)
    else append(shelved, guard.condition, { guard, entry })
  }
  const shelves = [...shelved.values()].map((items) => makeShelf(items, context))
  return (subject) => {
    let found: readonly CompiledRule[] = always
    for (const shelf of shelves) found = mergeInOrder(found, shelf(subject))
    return found
  }
}

interface Shelved {
  readonly guard: Guard
  readonly entry: Entry
}

/** Values come from clients: what is remembered of them is bounded. */
const remembered = 5000

/** All rules that are found by the values of one condition. */
function makeShelf(items: readonly Shelved[], context: IndexContext): FindCandidates {
  const all = items.map(({ entry }) => entry.rule)
  const valuesOf = items[0]!.guard.of
  const byValue = rulesByValue(items)
  // What is not known makes only closing rules match; those are found by their other guards then.
  const closing = items.filter(({ entry }) => entry.rule.closing)
  const whenUnknown = indexEntries(
    closing.map(({ guard, entry }) => ({
      ...entry,
      guards: entry.guards.filter((other) => other !== guard),
    })),
    context,
  )
  return (subject) => {
    const values = valuesOf(subject, context)
    if (values === undefined) return whenUnknown(subject)
    if (values === 'any') return all
    let found = none
    for (const value of values) found = mergeInOrder(found, byValue(value))
    return found
  }
}

const none: readonly CompiledRule[] = []

function rulesByValue(items: readonly Shelved[]): (value: string) => readonly CompiledRule[] {
  const exact = new Map<string, CompiledRule[]>()
  const patterned = items.filter(({ guard }) => guard.admits !== undefined)
  for (const { guard, entry } of items) {
    if (guard.admits !== undefined) continue
    for (const value of new Set(guard.values)) append(exact, value, entry.rule)
  }
  if (patterned.length === 0) return (value) => exact.get(value) ?? none
  return boundedMemo(remembered, (value) => {
    const fitting = patterned.filter(({ guard }) => guard.admits?.(value)).map(({ entry }) => entry.rule)
    return mergeInOrder(exact.get(value) ?? none, fitting.length === 0 ? none : fitting)
  })
}

function append<Value>(lists: Map<string, Value[]>, key: string, value: Value): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [value])
  else list.push(value)
}

/** How many rules name each value of each condition. */
function countValues(entries: readonly Entry[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { guards } of entries) {
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

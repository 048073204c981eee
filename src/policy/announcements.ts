import type { CompiledPolicy } from './compile.ts'
import type { Rule } from './document.ts'

/** A rule that will come into force: to be told to those whom it will hit. */
export interface Announcement {
  readonly list: 'registration' | 'access'
  readonly rule: Rule
  /** Milliseconds since the epoch. */
  readonly from: number
}

/** Soonest first. */
export function announcements(policy: CompiledPolicy, now: number): readonly Announcement[] {
  const coming = (list: Announcement['list']) =>
    policy[list].rules.filter(({ from }) => from > now).map(({ rule, from }) => ({ list, rule, from }))
  return [...coming('registration'), ...coming('access')].sort((a, b) => a.from - b.from)
}

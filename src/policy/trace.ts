import type { ConditionTrace, RuleTrace } from '../domain/decision.ts'
import type { Truth } from './condition.ts'
import type { CompiledRule } from './rule.ts'
import type { Recorder } from './when.ts'

/** Listens to one evaluation. */
export interface RuleRecorder {
  readonly condition: Recorder
  /** The rule's dates keep it out of force. */
  outOfForce(rule: CompiledRule, now: number): void
  /** After the conditions of the rule. */
  tried(rule: CompiledRule, truth: Truth, matched: boolean): void
}

/** Writes what it hears to `trace`. */
export function traceRecorder(list: RuleTrace['list'], trace: RuleTrace[]): RuleRecorder {
  let conditions: ConditionTrace[] = []
  return {
    condition({ truth, ...step }) {
      conditions.push({ ...step, held: truth === true })
    },
    outOfForce({ rule, from }, now) {
      const note =
        now < from ? `not in force before ${rule.from}` : `in force until ${rule.until}, which is over`
      trace.push({ list, rule: rule.name, matched: false, conditions: [], note })
    },
    tried({ rule }, truth, matched) {
      const note = noteOn(rule.mode, truth, matched)
      trace.push({ list, rule: rule.name, matched, conditions, ...(note === undefined ? {} : { note }) })
      conditions = []
    },
  }
}

function noteOn(mode: 'enforce' | 'monitor', truth: Truth, matched: boolean): string | undefined {
  const notes: string[] = []
  if (truth === undefined && matched) {
    notes.push('matches because something it asks for is not known: a rule that closes the door holds then')
  }
  if (truth === undefined && !matched) {
    notes.push('does not match because something it asks for is not known')
  }
  if (mode === 'monitor' && matched) notes.push('only monitored: passed over')
  return notes.length === 0 ? undefined : notes.join('; ')
}

import type { Explanation } from '../../domain/decision.ts'
import { explain } from '../../policy/decide.ts'
import type { StoredRefusal } from '../../store/ports.ts'
import { decisionText, explanationText, heading, isLetThrough } from '../explanation-text.ts'
import { localTime } from '../output.ts'
import { sourceText } from './identified-text.ts'
import type { Installation } from './live.ts'

/** A refusal that the gateway kept, and what would be decided about the same request now. */
export interface StoredExplanation {
  readonly refusal: StoredRefusal
  readonly samePolicy: boolean
  readonly now: Explanation
  readonly stateNow: 'same' | 'changed'
}

export async function explainStored(
  refusal: StoredRefusal,
  { policy, store }: Pick<Installation, 'policy' | 'store'>,
  at: number,
): Promise<StoredExplanation> {
  const { registration, facts, state } = refusal
  const current = registration === undefined ? undefined : await store.registrations.get(registration)
  return {
    refusal,
    samePolicy: refusal.policyDigest === policy.digest,
    now: explain(facts, current, policy, at),
    stateNow: current?.version === state?.version ? 'same' : 'changed',
  }
}

export function storedText({ refusal, samePolicy, now, stateNow }: StoredExplanation): string {
  const { reference, at, source, facts, state, explanation } = refusal
  const changed = [
    samePolicy ? 'the policy is the same' : 'the policy has changed since',
    stateNow === 'same' ? 'the device’s state as well' : 'the device’s state has changed since',
  ].join(', ')
  return [
    `Refusal ${reference} of ${localTime(at)}`,
    ...(source === undefined ? [] : [`Source: ${sourceText(source)}`]),
    '',
    explanationText(explanation, { facts, state }),
    '',
    ...heading(`The same request now (${changed})`, sameDecision(explanation, now)),
  ].join('\n')
}

function sameDecision({ decision }: Explanation, now: Explanation): string {
  const { verdict, reason, rule } = now.decision
  if (verdict === decision.verdict && reason === decision.reason && rule === decision.rule)
    return 'would be decided the same way'
  const way = isLetThrough(now.decision) ? 'would be let through' : 'would be decided otherwise'
  return `${way}:\n${decisionText(now.decision)}`
}

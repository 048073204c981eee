import { type PushAnswer, textOf, type Verdict, verdictOf } from './answers.ts'

/** What became of a push. */
export type Outcome = Answered | Unanswered

export interface Answered {
  readonly kind: 'answered'
  readonly answer: PushAnswer
  readonly verdict: Verdict
}

/** Apple may have it or not. It is sent again: the device comes once for two, and fetches what waits. */
export interface Unanswered {
  readonly kind: 'unanswered'
  readonly why: string
}

/** Apple has certainly not processed it (RFC 9113, sections 6.8 and 8.7): another connection takes it at once. */
export interface Unseen {
  readonly kind: 'unseen'
  readonly why: string
}

export function answered(answer: PushAnswer): Answered {
  return { kind: 'answered', answer, verdict: verdictOf(answer) }
}

export function unanswered(why: string): Unanswered {
  return { kind: 'unanswered', why }
}

/** For the log and the record. */
export function outcomeText(outcome: Outcome): string {
  return outcome.kind === 'answered' ? textOf(outcome.answer) : outcome.why
}

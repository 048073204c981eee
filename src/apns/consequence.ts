import type { PushResult, PushTarget, WantedPush } from '../store/enrollment-ports.ts'
import type { Halt } from './halt.ts'
import { type Answered, type Outcome, outcomeText } from './outcome.ts'
import type { PushCertificate } from './push-certificate.ts'
import { afterAccepted, afterFailure, afterSilence, mostAccepted } from './schedule.ts'

/** A push that has ended, one way or the other. */
export interface Tried {
  readonly push: WantedPush
  readonly target: PushTarget
  readonly id: string
  /** Those in use when it began: the certificate, and the halt that it was to probe. */
  readonly certificate: PushCertificate
  readonly probed: Halt | undefined
  readonly outcome: Outcome
}

export interface Clock {
  readonly now: () => number
  readonly random: () => number
}

/** What the record learns, and whether the device's token is given up. */
export interface Consequence {
  readonly result: PushResult
  readonly retire: boolean
}

/** When nobody is pushed to, a push stays due: it is made as soon as pushing goes on. */
export function whenHalted({ push, outcome }: Tried, { now }: Clock): Consequence {
  return again(push, outcomeText(outcome), now())
}

export function consequenceOf(tried: Tried, clock: Clock): Consequence {
  const { push, outcome } = tried
  if (outcome.kind === 'answered') return afterAnswer(tried, outcome, clock)
  return again(push, outcome.why, clock.now() + afterSilence(push.failures + 1, clock.random))
}

function afterAnswer(
  { push, target, outcome }: Tried,
  { verdict, answer }: Answered,
  clock: Clock,
): Consequence {
  const { now, random } = clock
  const text = outcomeText(outcome)
  switch (verdict) {
    case 'accepted':
      return accepted(push, text, now())
    case 'dead-token':
      // Otherwise the device has given a newer one since Apple learnt that this one is dead.
      if (target.updatedAt <= (answer.timestamp ?? Infinity)) return givenUp(push, text)
      return again(push, text, now() + afterFailure(push.failures + 1, random))
    case 'mistake':
      // The same again would fail the same way; a later version may know better.
      return again(push, text, now() + afterAccepted(push.failures + 1))
    case 'later':
    case 'reconnect':
    case 'stop':
      return again(push, text, now() + afterFailure(push.failures + 1, random))
  }
}

function accepted(push: WantedPush, answer: string, now: number): Consequence {
  const count = push.accepted + 1
  if (count >= mostAccepted) return { result: { push, answer, next: undefined }, retire: false }
  const next = { dueAt: now + afterAccepted(count), failures: 0, accepted: count, acceptedAt: now }
  return { result: { push, answer, next }, retire: false }
}

function givenUp(push: WantedPush, answer: string): Consequence {
  return { result: { push, answer, next: undefined }, retire: true }
}

function again(push: WantedPush, answer: string, dueAt: number): Consequence {
  const next = { dueAt, failures: push.failures + 1, accepted: push.accepted }
  return { result: { push, answer, next }, retire: false }
}

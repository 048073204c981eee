import { renderPage } from '../clients/answers/page.ts'
import { wordsFor } from '../clients/answers/words.ts'
import type { Answer } from '../domain/answer.ts'
import type { PostureState } from '../domain/posture.ts'
import { reasons } from '../domain/reason.ts'
import type { Registration } from '../domain/registration.ts'
import { announcements } from '../policy/announcements.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import { decide } from '../policy/decide.ts'
import type { Assessment } from './assess.ts'
import { isLetThrough } from './live-exchanges.ts'

const postureSentences: Record<PostureState, string> = {
  compliant: 'Your organisation manages it, and it meets the requirements.',
  noncompliant: 'It does not meet your organisation’s requirements.',
  unmanaged: 'Your organisation does not manage it any more.',
  conflict: 'Your organisation’s systems disagree about it.',
  unknown: 'Your organisation’s device management has not reported it yet.',
}

/** The user's own page: is this device registered, is it managed, why is it refused, what will change, what to do. */
export function devicePage(assessment: Assessment, policy: CompiledPolicy): Answer {
  const { state, decision, request } = assessment
  const open = isLetThrough(decision)
  const advice = decision.help ?? (open ? undefined : wordsFor(decision.reason).advice)
  return renderPage({
    title: titleOf(assessment),
    paragraphs: [
      ...(state === undefined
        ? []
        : [registeredSentence(state.registration), postureSentences[state.posture.state]]),
      ...graceSentence(assessment),
      open ? openSentence(assessment) : reasons[decision.reason].sentence,
      ...(open ? comingSentences(assessment, policy) : []),
    ],
    ...(advice !== undefined && { advice }),
    reference: request.head.id,
  })
}

function titleOf({ state, decision }: Assessment): string {
  if (state === undefined) return 'This device is not registered'
  return isLetThrough(decision) ? 'This device is registered' : wordsFor(decision.reason).title
}

/** In time to do something about it. */
function graceSentence({ state, request }: Assessment): string[] {
  const until = state?.posture.graceUntil
  if (until === undefined || state?.posture.state !== 'compliant' || until <= request.head.receivedAt)
    return []
  const why = state.registration.binding === 'claimed' ? undefined : state.posture.reason
  return [
    `It does not meet all requirements${why === undefined ? '' : ` (${why})`}, and may be used until ${minute.format(until)} UTC. Open your organisation’s device management app and follow what it asks for.`,
  ]
}

const minute = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' })

function openSentence({ decision }: Assessment): string {
  return decision.verdict === 'register'
    ? 'It will be registered as soon as you sign in.'
    : 'It may use this service.'
}

/** The rules that will turn this very device away, from the day on which they hold: in time to do something about it. */
function comingSentences({ facts, state, request }: Assessment, policy: CompiledPolicy): string[] {
  return announcements(policy, request.head.receivedAt).flatMap(({ rule, from }) => {
    const decision = decide(facts, state, policy, from)
    if (isLetThrough(decision) || decision.rule !== rule.name) return []
    return [`From ${day.format(from)}: ${decision.help ?? reasons[decision.reason].sentence}`]
  })
}

const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' })

/** Whoever merely claims to be a device must not learn whose it is. */
function registeredSentence({ binding, user, registeredAt }: Registration): string {
  const whom = binding === 'claimed' ? '' : ` for ${user}`
  return `It was registered${whom} on ${day.format(registeredAt)}.`
}

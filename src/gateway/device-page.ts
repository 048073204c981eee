import { renderPage } from '../clients/answers/page.ts'
import type { Answer } from '../domain/answer.ts'
import type { PostureState } from '../domain/posture.ts'
import { reasons } from '../domain/reason.ts'
import type { Assessment } from './assess.ts'
import { isLetThrough } from './live-exchanges.ts'

const postureSentences: Record<PostureState, string> = {
  compliant: 'Your organisation manages it, and it meets the requirements.',
  noncompliant: 'It does not meet your organisation’s requirements.',
  unmanaged: 'Your organisation does not manage it any more.',
  conflict: 'Your organisation’s systems disagree about it.',
  unknown: 'Your organisation’s device management has not reported it yet.',
}

/** The user's own page: is this device registered, is it managed, why is it refused, what to do. */
export function devicePage(assessment: Assessment): Answer {
  const { state, decision, request } = assessment
  const verdict = isLetThrough(decision) ? 'It may use this service.' : reasons[decision.reason].sentence
  return renderPage({
    title: state === undefined ? 'This device is not registered' : 'This device is registered',
    paragraphs: [
      ...(state === undefined
        ? []
        : [
            registeredSentence(state.registration.user, state.registration.registeredAt),
            postureSentences[state.posture.state],
          ]),
      verdict,
      ...(decision.help === undefined ? [] : [decision.help]),
    ],
    reference: request.head.id,
  })
}

function registeredSentence(user: string, at: number): string {
  return `It was registered for ${user} on ${new Date(at).toISOString().slice(0, 10)}.`
}

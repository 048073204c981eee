import type { Answer } from '../../domain/answer.ts'
import type { Refusal } from '../protocol.ts'
import { renderPage } from './page.ts'
import { wordsFor } from './words.ts'

/** Seconds after which the page of a device that is still being checked loads itself again. */
const recheckAfter = 30

/** The refusal as a page: what happened, what to do (the policy's own words before ours), a reference. */
export function refusalPage(refusal: Refusal, headers: Answer['headers'] = []): Answer {
  const words = wordsFor(refusal.reason)
  const advice = refusal.help ?? words.advice
  const refreshSeconds = refreshAfter(refusal)
  return renderPage({
    title: words.title,
    paragraphs: words.background === undefined ? [refusal.sentence] : [refusal.sentence, words.background],
    reference: refusal.reference,
    status: refusal.status,
    headers: [...retryHeader(refusal), ...headers],
    ...(advice !== undefined && { advice }),
    actions: actionsOf(refusal),
    ...(refreshSeconds !== undefined && { refreshSeconds }),
  })
}

function actionsOf({ tryAgain, statusPage }: Refusal): { readonly label: string; readonly href: string }[] {
  return [
    ...(tryAgain === undefined ? [] : [{ label: 'Try again', href: tryAgain }]),
    ...(statusPage === undefined ? [] : [{ label: 'About this device', href: statusPage }]),
  ]
}

export function retryHeader({ retryAfter }: Refusal): Answer['headers'] {
  return retryAfter === undefined ? [] : [['Retry-After', String(retryAfter)]]
}

function refreshAfter({ reason, retryAfter }: Refusal): number | undefined {
  return reason === 'device.posture-unknown' ? (retryAfter ?? recheckAfter) : undefined
}

import type { Answer } from '../../domain/answer.ts'
import { type Refusal, type RefusalCode, refusals } from '../refusals.ts'
import { html, referenceTo, renderDocument } from './document.ts'
import type { Visit } from './visit.ts'

/** A page for a browser, text for a device. @param help whom to ask, in the administrator's own words */
export function refusalAnswer(code: RefusalCode, visit: Visit, help?: string): Answer {
  const refusal: Refusal = refusals[code]
  if (visit.method !== 'GET' && !isBrowser(visit)) return asText(refusal, visit)
  return renderDocument({
    status: refusal.status,
    headers: retryAfter(refusal),
    title: refusal.title,
    body: html`<p>${refusal.sentence}</p>
<section class="advice">
<h2>What to do</h2>
<p>${refusal.advice}</p>
${help === undefined ? undefined : html`<p>${help}</p>`}
</section>
<div class="actions"><a href="/enroll">To the beginning</a></div>
${referenceTo({ code, reference: visit.id })}`,
  })
}

function asText(refusal: Refusal, { id }: Visit): Answer {
  const { status, sentence, advice } = refusal
  return {
    status,
    headers: [['Content-Type', 'text/plain; charset=utf-8'], ...retryAfter(refusal)],
    body: `${sentence} ${advice}\nReference: ${id}\n`,
  }
}

/** Seconds, as the advice says it. */
export function retryAfter({ status }: Refusal): Answer['headers'] {
  if (status === 429) return [['Retry-After', '300']]
  return status === 503 ? [['Retry-After', '60']] : []
}

/** A form that a page of ours has sent. */
function isBrowser(visit: Visit): boolean {
  return visit.header('accept')?.includes('text/html') === true
}

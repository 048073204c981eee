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

function asText({ status, sentence, advice }: Refusal, { id }: Visit): Answer {
  return {
    status,
    headers: [['Content-Type', 'text/plain; charset=utf-8']],
    body: `${sentence} ${advice}\nReference: ${id}\n`,
  }
}

/** A form that a page of ours has sent. */
function isBrowser(visit: Visit): boolean {
  return visit.header('accept')?.includes('text/html') === true
}

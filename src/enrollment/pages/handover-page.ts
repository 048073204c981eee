import type { Answer } from '../../domain/answer.ts'
import type { EnrollmentSettings } from '../../settings/build-enrollment.ts'
import { html, renderDocument } from '../web/document.ts'
import type { Visitor } from '../web/forms.ts'

/**
 * Where the QR code leads: a button, so that neither a preview of the link nor a camera app that loads it uses the link up.
 * @param ticket as it stands in the link
 */
export function handoverPage({ organisation }: EnrollmentSettings, visitor: Visitor, ticket: string): Answer {
  return renderDocument({
    title: `Enroll this device with ${organisation}`,
    headers: visitor.headers,
    body: html`<p>You signed in on another device. Go on here only if you have just opened this code on your own screen.</p>
<form method="post" action="/enroll/continue">${visitor.field}<input type="hidden" name="ticket" value="${ticket}"><button>Go on</button></form>
<p class="quiet">Otherwise <a href="/enroll">begin here</a>.</p>`,
  })
}

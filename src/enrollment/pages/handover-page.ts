import type { Answer } from '../../domain/answer.ts'
import type { EnrollmentSettings } from '../../settings/build-enrollment.ts'
import { html, nameOf, renderDocument } from '../web/document.ts'
import type { Visitor } from '../web/forms.ts'

/**
 * Where the QR code leads: a button, so that neither a preview of the link nor a camera app that loads it uses the link up.
 * @param ticket as it stands in the link
 */
export function handoverPage(settings: EnrollmentSettings, visitor: Visitor, ticket: string): Answer {
  return renderDocument({
    title: `Enroll this device with ${settings.organisation}`,
    heading: html`Enroll this device with ${nameOf(settings.organisation)}`,
    headers: visitor.headers,
    body: html`<p>You signed in on another device. Go on here only if the code that brought you is on your own screen now: this device will be enrolled for whoever signed in there. Somebody who sent you this link may want that to be somebody else.</p>
<form method="post" action="/enroll/continue">${visitor.field}<input type="hidden" name="ticket" value="${ticket}"><button>Go on</button></form>
<p class="quiet">Otherwise <a href="/enroll">begin here</a>.</p>`,
  })
}

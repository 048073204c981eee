import type { Answer } from '../../domain/answer.ts'
import type { EnrollmentSettings } from '../../settings/build-enrollment.ts'
import type { Session } from '../sign-in/session.ts'
import { html, renderDocument } from '../web/document.ts'
import type { Visitor } from '../web/forms.ts'
import { signedIn } from './consent-page.ts'

/** The download, and where in the device's settings it goes on: there is nobody else who says so. */
export function installPage(
  { organisation, help }: EnrollmentSettings,
  session: Session,
  visitor: Visitor,
): Answer {
  return renderDocument({
    title: 'Install the profile',
    headers: visitor.headers,
    body: html`<ol>
<li>Download the profile with the button below, and allow it.</li>
<li><strong>iPhone, iPad:</strong> open Settings; “Profile Downloaded” is at the top. <strong>Mac:</strong> open System Settings → General → Device Management.</li>
<li>Install it, enter the device’s passcode, and confirm that ${organisation} will manage the device.</li>
</ol>
<p>It takes about a minute. Mail and networks appear by themselves afterwards.</p>
<div class="actions"><a href="/enroll/profile">Download the profile</a></div>
<details><summary>The device says that the profile could not be installed</summary>
<p>Load this page again and download a new profile: each is good for one device and a limited time. If it fails again, try <a href="/enroll/direct">the other kind of profile</a>.${help === undefined ? undefined : html` ${help}`}</p>
</details>
${signedIn(session, visitor)}`,
  })
}

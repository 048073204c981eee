import type { Answer } from '../../domain/answer.ts'
import type { EnrollmentSettings } from '../../settings/build-enrollment.ts'
import type { Session } from '../sign-in/session.ts'
import { html, nameOf, renderDocument } from '../web/document.ts'
import type { Visitor } from '../web/forms.ts'
import { signedIn, signOut } from './consent-page.ts'

/** The download, and where in the device's settings it goes on: there is nobody else who says so. */
export function installPage(settings: EnrollmentSettings, session: Session, visitor: Visitor): Answer {
  const { help } = settings
  const organisation = nameOf(settings.organisation)
  return renderDocument({
    title: 'Install the profile',
    headers: visitor.headers,
    body: html`${signedIn(session)}
<ol>
<li>Download the profile with the button below, and choose <b>Allow</b>.</li>
<li>Leave this page and open the device’s settings:<br>
iPhone, iPad: <b>Settings › Profile Downloaded</b>, at the top.<br>
Mac: <b>System Settings › General › Device Management</b>, then the profile.</li>
<li>Choose <b>Install</b>, enter the device’s passcode, and confirm that ${organisation} will manage the device.</li>
</ol>
<div class="actions"><a href="/enroll/profile">Download the profile</a></div>
<p class="after">Install it within a few minutes: devices forget a profile that waits. Mail and networks appear by themselves about a minute later.</p>
<details><summary>The device says that the profile could not be installed</summary>
<p>Load this page again and download a new profile: each is good for one device and a limited time. If it fails again, try <a href="/enroll/direct">the other kind of profile</a>.${help === undefined ? undefined : html` ${help}`}</p>
</details>
${signOut(visitor)}`,
  })
}

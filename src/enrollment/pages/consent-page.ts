import { accessRights, neverAllowed } from '../../domain/access-rights.ts'
import type { Answer } from '../../domain/answer.ts'
import type { EnrollmentSettings } from '../../settings/build-enrollment.ts'
import type { Session } from '../sign-in/session.ts'
import { html, type Markup, nameOf, renderDocument } from '../web/document.ts'
import type { Visitor } from '../web/forms.ts'
import { qrCode } from '../web/qr-code.ts'
import { deviceOf } from './device-at-hand.ts'

export interface ConsentPage {
  readonly settings: EnrollmentSettings
  readonly session: Session
  readonly visitor: Visitor
  readonly userAgent: string | undefined
  /** With which the sign-in goes on on a phone; undefined where it is not needed. */
  readonly handover?: string
  /** The scheme, such as `app:`, in which the way ends that agreeing begins. */
  readonly leadsBack?: string
}

/** What the organisation will be able to do, in the words of the rights that the device is asked for; then the button. */
export function consentPage(page: ConsentPage): Answer {
  const { settings, session, visitor, userAgent, handover, leadsBack } = page
  const organisation = nameOf(settings.organisation)
  const device = deviceOf(userAgent)
  return renderDocument({
    title: `What ${settings.organisation} will be able to do`,
    heading: html`What ${organisation} will be able to do`,
    headers: visitor.headers,
    ...(leadsBack !== undefined && { leadsBack }),
    body: html`${signedIn(session)}
<p>If you enroll this device, ${organisation} can:</p>
${list(settings.accessRights.map((name) => accessRights[name].words))}
<p>Enrolling never lets ${organisation}:</p>
${list(neverAllowed)}
<p>You can end it at any time: remove the management profile in the device’s settings. Mail, networks and apps that ${organisation} has set up go with it.</p>
${device === 'phone' ? undefined : onPhone(handover)}
${device === 'other' ? undefined : agreeForm(visitor)}
${device === 'other' ? otherDevice(visitor) : undefined}
${signOut(visitor)}`,
  })
}

export function list(items: readonly string[]): Markup {
  return html`<ul>
${items.map((item) => html`<li>${item}</li>`)}
</ul>`
}

function agreeForm({ field }: Visitor): Markup {
  return html`<form method="post" action="/enroll/agree">${field}<button>I agree: enroll this device</button></form>`
}

/** A browser that hides what it runs on must not be a dead end. */
function otherDevice(visitor: Visitor): Markup {
  return html`<details><summary>This is an iPhone, iPad or Mac</summary>${agreeForm(visitor)}</details>`
}

function onPhone(handover: string | undefined): Markup | undefined {
  if (handover === undefined) return undefined
  return html`<h2>Go on on your phone or tablet</h2>
<p>Point its camera at this code. It works once, within ten minutes: show it to nobody.</p>
${qrCode(handover)}`
}

export function signedIn({ user }: Session): Markup {
  return html`<p class="quiet">Signed in as <strong>${nameOf(user.name)}</strong></p>`
}

/** At the end: whoever goes through the page with the keyboard comes to the way on first. */
export function signOut({ field }: Visitor): Markup {
  return html`<div class="who"><p>Is that not you, or have you finished?</p><form method="post" action="/enroll/sign-out">${field}<button class="second">Sign out</button></form></div>`
}

import type { Answer } from '../../domain/answer.ts'
import type { EnrollmentSettings } from '../../settings/build-enrollment.ts'
import { type RefusalCode, refusals } from '../refusals.ts'
import { html, type Markup, nameOf, referenceTo, renderDocument } from '../web/document.ts'
import type { Visitor } from '../web/forms.ts'
import { qrCode } from '../web/qr-code.ts'
import { retryAfter } from '../web/refusal-answer.ts'
import { deviceOf } from './device-at-hand.ts'

export interface SignInPage {
  readonly settings: EnrollmentSettings
  readonly visitor: Visitor
  readonly userAgent: string | undefined
  /** What the last attempt ended with. */
  readonly refused?: { readonly code: RefusalCode; readonly reference: string }
}

/** The front door: what this is, and the ways to sign in. On a computer, a QR code leads to the phone. */
export function signInPage({ settings, visitor, userAgent, refused }: SignInPage): Answer {
  const { publicUrl, signIn, help } = settings
  const organisation = nameOf(settings.organisation)
  const device = deviceOf(userAgent)
  return renderDocument({
    title: `Enroll a device with ${settings.organisation}`,
    heading: html`Enroll a device with ${organisation}`,
    status: refused === undefined ? 200 : refusals[refused.code].status,
    headers: [...visitor.headers, ...(refused === undefined ? [] : retryAfter(refusals[refused.code]))],
    body: html`${refused === undefined ? undefined : alert(refused.code)}
<p>${organisation} sets up mail, Wi-Fi and other services on iPhones, iPads and Macs, and keeps them safe. Sign in first: the next page says what ${organisation} will be able to do, and nothing is installed before you agree.</p>
${device === 'other' ? onPhone(publicUrl) : undefined}
${device === 'other' ? html`<h2>Or here</h2>` : undefined}
${ways(signIn, visitor, refused?.code)}
${help === undefined ? undefined : html`<p class="quiet">${help}</p>`}
${refused && referenceTo(refused)}`,
  })
}

function alert(code: RefusalCode): Markup {
  return html`<div class="alert" role="alert" id="refused"><p><strong>${refusals[code].title}.</strong> ${refusals[code].sentence} ${refusals[code].advice}</p></div>`
}

function onPhone(publicUrl: string): Markup {
  return html`<h2>On the phone or tablet</h2>
<p>Point its camera at this code, or open <strong>${publicUrl}/enroll</strong> there.</p>
${qrCode(`${publicUrl}/enroll`)}`
}

/** @param refused after a wrong code, its form stays open */
function ways(
  { oidc, ldap, codes }: EnrollmentSettings['signIn'],
  visitor: Visitor,
  refused: RefusalCode | undefined,
): Markup {
  const wrongCode = refused === 'sign-in.wrong-code'
  const code = codes ? codeForm(visitor, wrongCode) : undefined
  if (oidc !== undefined)
    return html`<div class="actions"><a href="/enroll/sign-in/start">Sign in</a></div>${code && folded(code, wrongCode)}`
  if (ldap !== undefined)
    return html`${passwordForm(visitor, refused === 'sign-in.wrong-password')}${code && folded(code, wrongCode)}`
  return code ?? html``
}

function folded(code: Markup, open: boolean): Markup {
  return html`<details${open ? html` open` : undefined}><summary>I have a one-time code</summary>${code}</details>`
}

/** For whoever does not see the page: which field it was, and where it says what is wrong. */
function invalid(wrong: boolean): Markup {
  return wrong ? html` aria-invalid="true" aria-describedby="refused" autofocus` : html``
}

function passwordForm({ field }: Visitor, wrong: boolean): Markup {
  return html`<form method="post" action="/enroll/sign-in">${field}
<label for="username">User name</label>
<input id="username" name="username" autocomplete="username" autocapitalize="none" autocorrect="off" spellcheck="false" maxlength="256" required${invalid(wrong)}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" maxlength="1024" required>
<button>Sign in</button></form>`
}

function codeForm({ field }: Visitor, wrong: boolean): Markup {
  return html`<form method="post" action="/enroll/code">${field}
<label for="code">One-time code from your administrator</label>
<input id="code" class="code" name="code" autocomplete="one-time-code" autocapitalize="characters" autocorrect="off" spellcheck="false" maxlength="40" placeholder="XXXX-XXXX-XXXX" required${invalid(wrong)}>
<button>Continue</button></form>`
}

/**
 * The pages that users see, in their order: sign in, read what the organisation will be able to do, agree, install. Each needs
 * the one before it. The same pages end an account-driven enrollment's sign-in.
 */
import type { Answer } from '../domain/answer.ts'
import type { EnrollingUser } from '../domain/enrolling-user.ts'
import type { EnrollmentSettings } from '../settings/build-enrollment.ts'
import type { EnrollmentCodes } from '../store/enrollment-sign-in-ports.ts'
import { accountPaths, backToDevice, deviceScheme } from './account-driven.ts'
import { type DirectDependencies, directProfile } from './direct.ts'
import { profileServicePayload } from './ota/profile-service.ts'
import { consentPage } from './pages/consent-page.ts'
import { deviceOf } from './pages/device-at-hand.ts'
import { handoverPage } from './pages/handover-page.ts'
import { installPage } from './pages/install-page.ts'
import { signInPage } from './pages/sign-in-page.ts'
import { EnrollmentRefused } from './refusals.ts'
import type { Attempts } from './sign-in/attempts.ts'
import { codeHash } from './sign-in/code.ts'
import type { LdapSignIn } from './sign-in/ldap.ts'
import type { OidcSignIn } from './sign-in/oidc.ts'
import type { Session, Sessions, SignInMethod } from './sign-in/session.ts'
import { seeOther } from './web/document.ts'
import { type FormParts, submitted, visitorOf } from './web/forms.ts'
import { queryOf, type Visit } from './web/visit.ts'

export interface UserPageDependencies extends DirectDependencies {
  readonly settings: EnrollmentSettings & DirectDependencies['settings']
  readonly forms: FormParts
  readonly sessions: Sessions
  readonly attempts: Attempts
  readonly codes: Pick<EnrollmentCodes, 'redeem'>
  readonly oidc?: OidcSignIn
  readonly ldap?: LdapSignIn
  readonly onSignedIn: (signedIn: SignedIn) => Promise<void>
}

export interface SignedIn {
  readonly user: string
  readonly method: SignInMethod
  readonly source: string
  readonly at: number
  /** Of the code that was used. */
  readonly code?: string
}

type Page = (visit: Visit, deps: UserPageDependencies) => Promise<Answer>

/** By method and path. */
export const userPages: Readonly<Record<string, Page>> = {
  'GET /': async () => seeOther('/enroll'),
  'GET /enroll': frontPage,
  'POST /enroll/sign-in': signInByPassword,
  'POST /enroll/code': signInByCode,
  'POST /enroll/sign-out': signOut,
  'GET /enroll/sign-in/start': startOidc,
  'GET /enroll/sign-in/callback': finishOidc,
  'POST /enroll/agree': agree,
  'GET /enroll/install': install,
  'GET /enroll/profile': otaProfile,
  'GET /enroll/direct': direct,
  'GET /enroll/continue': openHandover,
  'POST /enroll/continue': takeHandover,
  'GET /enroll/account/sign-in': accountSignIn,
}

/** With effects that a HEAD must not have: what it is answered instead of doing it; undefined, it is not allowed. */
export const pagesThatAct: Readonly<Record<string, ((deps: UserPageDependencies) => Answer) | undefined>> = {
  '/enroll/sign-in/start': undefined,
  '/enroll/sign-in/callback': undefined,
  '/enroll/profile': ({ delivery }) => delivery.announced(),
  '/enroll/direct': ({ delivery }) => delivery.announced(),
  '/enroll/account/sign-in': undefined,
}

async function frontPage(visit: Visit, deps: UserPageDependencies): Promise<Answer> {
  const session = await deps.sessions.read(visit)
  return session === undefined ? signIn(visit, deps) : consent(visit, session, deps)
}

async function signIn(visit: Visit, { settings, forms }: UserPageDependencies): Promise<Answer> {
  const visitor = await visitorOf(visit, forms)
  return signInPage({ settings, visitor, userAgent: visit.header('user-agent') })
}

async function consent(visit: Visit, session: Session, deps: UserPageDependencies): Promise<Answer> {
  const { settings, forms, passes, attempts } = deps
  const visitor = await visitorOf(visit, forms)
  const userAgent = visit.header('user-agent')
  const page = { settings, session, visitor, userAgent }
  // A phone goes on by itself; a link from a link would live for ever.
  if (deviceOf(userAgent) === 'phone' || session.method === 'handover') return consentPage(page)
  await attempts.countGiven(session.user.name)
  const { secret } = await passes.give('handover', { user: session.user, source: visit.source, at: visit.at })
  return consentPage({ ...page, handover: `${settings.publicUrl}/enroll/continue?ticket=${secret}` })
}

/** Wrong words bring the same page again, with what was wrong; everything else is a refusal. */
async function orAgain(
  visit: Visit,
  deps: UserPageDependencies,
  attempt: () => Promise<Answer>,
): Promise<Answer> {
  try {
    return await attempt()
  } catch (error) {
    if (!(error instanceof EnrollmentRefused)) throw error
    const { settings, forms } = deps
    if (!error.code.startsWith('sign-in.')) throw error
    const visitor = await visitorOf(visit, forms)
    const { code, cause } = error
    const userAgent = visit.header('user-agent')
    const answer = signInPage({ settings, visitor, userAgent, refused: { code, reference: visit.id } })
    throw new EnrollmentRefused(code, { answer, cause })
  }
}

function signInByPassword(visit: Visit, deps: UserPageDependencies): Promise<Answer> {
  return orAgain(visit, deps, async () => {
    const { ldap, attempts } = deps
    if (ldap === undefined) throw new EnrollmentRefused('request.unknown')
    const form = await submitted(visit, deps.forms)
    const name = form.get('username')?.trim() ?? ''
    await attempts.count(visit.source, name)
    const user = await ldap.check(name, form.get('password') ?? '', (dn) => attempts.countUser(dn))
    return begin(visit, { user, method: 'ldap' }, deps)
  })
}

function signInByCode(visit: Visit, deps: UserPageDependencies): Promise<Answer> {
  return orAgain(visit, deps, async () => {
    const { settings, attempts, codes } = deps
    if (!settings.signIn.codes) throw new EnrollmentRefused('request.unknown')
    const form = await submitted(visit, deps.forms)
    await attempts.count(visit.source)
    const code = await codes.redeem(codeHash(form.get('code') ?? ''), visit.at)
    if (code === undefined) throw new EnrollmentRefused('sign-in.wrong-code')
    return begin(visit, { user: code.user, method: 'code', code: code.id }, deps)
  })
}

/** Seconds for the way to the provider and back. */
const oidcLife = 600

async function startOidc(visit: Visit, { oidc, forms }: UserPageDependencies): Promise<Answer> {
  if (oidc === undefined) throw new EnrollmentRefused('request.unknown')
  const { location, transaction } = await oidc.start()
  const cookie = await forms.cookies.set('oidc', { ...transaction }, { at: visit.at, seconds: oidcLife })
  return seeOther(location, [cookie])
}

async function finishOidc(visit: Visit, deps: UserPageDependencies): Promise<Answer> {
  const { oidc, forms } = deps
  if (oidc === undefined) throw new EnrollmentRefused('request.unknown')
  const kept = await forms.cookies.read('oidc', visit)
  const { state, nonce, verifier } = kept ?? {}
  if (typeof state !== 'string' || typeof nonce !== 'string' || typeof verifier !== 'string')
    throw new EnrollmentRefused('sign-in.form-expired')
  const user = await oidc.finish(visit.query, { state, nonce, verifier })
  const answer = await begin(visit, { user, method: 'oidc' }, deps)
  return { ...answer, headers: [...answer.headers, forms.cookies.clear('oidc')] }
}

interface Proven {
  readonly user: EnrollingUser
  readonly method: SignInMethod
  readonly code?: string
}

async function begin(
  visit: Visit,
  { user, method, code }: Proven,
  deps: UserPageDependencies,
): Promise<Answer> {
  const { at, source } = visit
  const cookie = await deps.sessions.begin(user, method, visit)
  await deps.onSignedIn({ user: user.name, method, source, at, ...(code !== undefined && { code }) })
  const waiting = await deps.forms.cookies.read('account', visit)
  return seeOther(waiting === undefined ? '/enroll' : accountPaths.signIn, [cookie])
}

async function signOut(visit: Visit, { forms, sessions }: UserPageDependencies): Promise<Answer> {
  await submitted(visit, forms)
  return seeOther('/enroll', [await sessions.end(visit)])
}

async function agree(visit: Visit, { forms, sessions }: UserPageDependencies): Promise<Answer> {
  const session = await sessions.needed(visit)
  await submitted(visit, forms)
  const waiting = await forms.cookies.read('account', visit)
  const next = waiting === undefined ? '/enroll/install' : accountPaths.signIn
  return seeOther(next, [await sessions.agree(session, visit.at)])
}

async function install(visit: Visit, { settings, forms, sessions }: UserPageDependencies): Promise<Answer> {
  const session = await sessions.agreed(visit)
  return installPage(settings, session, await visitorOf(visit, forms))
}

async function otaProfile(visit: Visit, deps: UserPageDependencies): Promise<Answer> {
  const { settings, sessions, attempts, passes, delivery } = deps
  const { user } = await sessions.agreed(visit)
  await attempts.countGiven(user.name)
  const { secret } = await passes.give('ota', { user, source: visit.source, at: visit.at })
  return delivery.signed(profileServicePayload(settings, secret))
}

async function direct(visit: Visit, deps: UserPageDependencies): Promise<Answer> {
  const { user } = await deps.sessions.agreed(visit)
  await deps.attempts.countGiven(user.name)
  return directProfile({ user, source: visit.source, at: visit.at }, deps)
}

const ticketPattern = /^[A-Za-z0-9_-]{43}$/

async function openHandover(visit: Visit, { settings, forms }: UserPageDependencies): Promise<Answer> {
  const ticket = queryOf(visit).get('ticket') ?? ''
  if (!ticketPattern.test(ticket)) throw new EnrollmentRefused('sign-in.link-used')
  return handoverPage(settings, await visitorOf(visit, forms), ticket)
}

async function takeHandover(visit: Visit, deps: UserPageDependencies): Promise<Answer> {
  const form = await submitted(visit, deps.forms)
  await deps.attempts.count(visit.source)
  const { user } = await deps.passes.claim('handover', form.get('ticket') ?? '', { at: visit.at })
  return begin(visit, { user, method: 'handover' }, deps)
}

/** Seconds to sign in within the device's own window. */
const accountLife = 900

/**
 * The device's own window: signs in like everybody, agrees, and ends with a token for the device. Somebody who agreed on another page
 * is asked once more: else a link to here would be enough for whatever program takes that scheme for its own.
 */
async function accountSignIn(visit: Visit, deps: UserPageDependencies): Promise<Answer> {
  const { settings, sessions, forms, attempts, passes } = deps
  if (settings.accountDriven === undefined) throw new EnrollmentRefused('account.rejected')
  const session = await sessions.read(visit)
  const waiting = (await forms.cookies.read('account', visit)) !== undefined
  if (session === undefined || !session.agreed || !waiting) {
    const visitor = await visitorOf(visit, forms)
    const answer =
      session === undefined
        ? await signIn(visit, deps)
        : consentPage({ settings, session, visitor, userAgent: 'iPhone', leadsBack: deviceScheme })
    const cookie = await forms.cookies.set('account', {}, { at: visit.at, seconds: accountLife })
    return { ...answer, headers: [...answer.headers, cookie] }
  }
  await attempts.countGiven(session.user.name)
  const { secret } = await passes.give('bearer', { user: session.user, source: visit.source, at: visit.at })
  const answer = backToDevice(secret)
  return { ...answer, headers: [...answer.headers, forms.cookies.clear('account')] }
}

/**
 * Account-driven enrollment: the user types an address in the device's settings. The device asks the address's domain where to
 * enroll (`discovery`), asks there without knowing anything (401, the one place where that is a question), lets the user
 * sign in in a window of its own, and comes back with the token that it got there (`accountEnrollment`).
 */
import { accessRightsValue } from '../domain/access-rights.ts'
import type { Answer } from '../domain/answer.ts'
import type { EnrollmentSettings } from '../settings/build-enrollment.ts'
import { type DeviceSignatures, holderOf, isOfAppleDevice, readSigned } from './device-message.ts'
import { unboundName } from './direct.ts'
import { enrollmentProfile, type ProfileSettings } from './enrollment-profile.ts'
import { readAttributes } from './ota/device-attributes.ts'
import type { ProfileIssued } from './ota/ota.ts'
import type { Passes } from './passes.ts'
import type { ProfileDelivery } from './profile-delivery.ts'
import { EnrollmentRefused } from './refusals.ts'
import { queryOf, type Visit } from './web/visit.ts'

export const accountPaths = {
  discovery: '/.well-known/com.apple.remotemanagement',
  enroll: '/enroll/account',
  signIn: '/enroll/account/sign-in',
} as const

export interface AccountDependencies {
  readonly settings: ProfileSettings & Pick<EnrollmentSettings, 'accountDriven'>
  readonly signatures: DeviceSignatures
  readonly passes: Passes
  readonly delivery: ProfileDelivery
  readonly onIssued: (issued: ProfileIssued) => Promise<void>
}

type Settings = AccountDependencies['settings']

/** Where this address enrolls. User enrollment is for iPhones, iPads, Macs and Vision Pro. */
export function discovery(visit: Visit, { publicUrl, accountDriven }: Settings): Answer {
  const user = queryOf(visit).get('user-identifier') ?? ''
  if (accountDriven === undefined || !user.includes('@')) return rejected()
  return json(200, {
    Servers: [{ Version: `mdm-${accountDriven.mode}`, BaseURL: `${publicUrl}${accountPaths.enroll}` }],
  })
}

function rejected(): Answer {
  return json(403, {
    code: 'com.apple.well-known.failed',
    description: 'This server enrolls no devices by account address.',
    message: 'This account cannot be enrolled here. Use the enrollment page of your organisation.',
  })
}

function json(status: number, body: object): Answer {
  return { status, headers: [['Content-Type', 'application/json']], body: JSON.stringify(body) }
}

/** The scheme's name has no case (RFC 9110, 11.1). */
const bearer = /^Bearer +([A-Za-z0-9_-]{43})$/i

/** @throws EnrollmentRefused */
export async function accountEnrollment(visit: Visit, deps: AccountDependencies): Promise<Answer> {
  const { settings, signatures, passes, delivery } = deps
  const { accountDriven } = settings
  if (accountDriven === undefined) throw new EnrollmentRefused('account.rejected')
  const message = readSigned(visit.body, signatures)
  const verified = isOfAppleDevice(message, signatures)
  const { attributes } = readAttributes(message.content, verified)
  const token = bearer.exec(visit.header('authorization') ?? '')?.[1]
  if (token === undefined) return signInFirst(settings)
  const holder = holderOf(attributes, message.signer)
  const pass = await passes.claim('bearer', token, { holder, attributes, at: visit.at })
  const commonName = attributes.udid ?? unboundName(pass.id)
  const { name } = pass.user
  const managedAppleId = accountDriven.managedAppleId.replace('{user}', () => name.replace(/@.*$/, ''))
  const scepChallenge = await passes.scepChallenge(pass, {
    which: 'final',
    enrollment: commonName,
    at: visit.at,
    // A user enrollment is not asked for any: the system fixes them.
    ...(accountDriven.mode !== 'byod' && { accessRights: accessRightsValue(settings.accessRights) }),
    managedAppleId,
  })
  const authority = await delivery.authority()
  await deps.onIssued({ user: name, way: 'account-driven', at: visit.at, source: visit.source, attributes })
  return delivery.signed(
    enrollmentProfile({
      settings,
      scepChallenge,
      commonName,
      authority,
      accountDriven: { mode: accountDriven.mode, managedAppleId },
    }),
  )
}

function signInFirst({ publicUrl }: Settings): Answer {
  const challenge = `Bearer method="apple-as-web", url="${publicUrl}${accountPaths.signIn}"`
  return { status: 401, headers: [['WWW-Authenticate', challenge]], body: '' }
}

/** Where browsers hand over to the device. */
export const deviceScheme = 'apple-remotemanagement-user-login:'

/** The end of the device's sign-in window: only the device itself opens this scheme. */
export function backToDevice(token: string): Answer {
  return {
    status: 308,
    headers: [['Location', `${deviceScheme}//authentication-results?access-token=${token}`]],
    body: '',
  }
}

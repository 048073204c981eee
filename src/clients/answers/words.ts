import type { ReasonCode } from '../../domain/reason.ts'

/** How a refusal is headed, and what to do about it where the policy says nothing: for people, in plain words. */
export interface Words {
  readonly title: string
  /** Why it is so, where the reason's own sentence leaves a person wondering. */
  readonly background?: string
  readonly advice?: string
}

const askAdministrator = 'Ask your administrator, and give the reference below.'
const unregistered: Words = {
  title: 'Register this device first',
  background: 'Your organisation lets in only devices that it manages.',
  advice:
    'Connect to your organisation’s network or VPN and open this page again. If that does not help, ask your administrator how to register this device.',
}
const notAllowed: Words = { title: 'Access is not allowed', advice: askAdministrator }
const notNow: Words = {
  title: 'Please try again shortly',
  advice: 'Nothing is wrong with your device. Try again in a minute.',
}
const notUnderstood: Words = {
  title: 'This request was not accepted',
  advice: 'Go back and try again. If it happens again, ask your administrator.',
}
const newLink: Words = {
  title: 'This link does not work any more',
  advice: 'Go back to your company’s app and press Register again: it makes a new link.',
}
const fromApp: Words = {
  title: 'The app could not register this device',
  advice: 'Close your company’s app and open it again. If that does not help, ask your administrator.',
}
const unreachable: Words = { title: 'The service is not available', advice: 'Try again in a few minutes.' }

const ofReason: Partial<Record<ReasonCode, Words>> = {
  'device.unregistered': unregistered,
  'device.redirected': unregistered,
  'registration.wrong-network': {
    title: 'You are not on the right network yet',
    advice: 'Connect to your organisation’s network or VPN, then try again.',
  },
  'registration.loop': {
    title: 'Registration did not work',
    advice: 'Check that the VPN is connected and that this browser accepts cookies, then open the service’s address again.',
  },
  'registration.limit': { title: 'You have too many registered devices', advice: 'Ask your administrator to remove a device that you do not use any more.' },
  'registration.refused': { title: 'Registration is not possible', advice: askAdministrator },
  'device.awaiting-approval': { title: 'Waiting for approval', advice: 'An administrator has to approve this device. Come back later; you need do nothing else.' },
  'device.approval-denied': { title: 'This device was not approved', advice: askAdministrator },
  'device.blocked': { title: 'This device is blocked', advice: askAdministrator },
  'device.noncompliant': { title: 'This device needs your attention', advice: 'Open your organisation’s device management app, follow what it asks for, and try again.' },
  'device.unmanaged': { title: 'This device is no longer managed', advice: 'Enrol this device with your organisation again, then try again.' },
  'device.conflict': { title: 'This device cannot be told apart', advice: askAdministrator },
  'device.posture-unknown': { title: 'This device is still being checked', advice: 'This page tries again by itself. Checking a new device can take some minutes.' },
  'device.posture-stale': { title: 'This device cannot be checked now', advice: askAdministrator },
  'device.surplus': { title: 'One device too many', advice: 'Ask your administrator to remove a device that you do not use any more, or to approve this one.' },
  'device.cut-off': { title: 'This device may no longer connect', advice: askAdministrator },
  'access.redirected': { title: 'This needs a trusted network', advice: 'Connect to your organisation’s network or VPN and try again.' },
  'app.version-outdated': { title: 'Update the app', advice: 'Install the latest version of your company’s app and try again.' },
  'app.stale': { title: 'Check your device’s clock', advice: 'Set date and time to automatic and try again.' },
  'app.device-unreported': { title: 'This device is not managed yet', advice: 'Enrol this device with your organisation, wait some minutes, and try again.' },
  'app.ticket-unknown': newLink,
  'app.ticket-expired': newLink,
  'app.ticket-used': newLink,
  'app.ticket-elsewhere': newLink,
  'app.other-user': { title: 'Another account is signed in', advice: 'Sign in with the account that your company’s app shows, or ask your administrator.' },
  'client.cookie-invalid': { title: 'This browser has to be recognised anew', advice: 'Open the service’s address again. If this page stays, delete the cookies of this site.' },
  'client.token-invalid': { title: 'Please sign in again', advice: 'Your session has ended.' },
  'client.user-mismatch': { title: 'Another account is signed in', advice: 'Sign in with the account that this device is registered for, or ask your administrator.' },
  'return.invalid': { title: 'This link is no longer valid', advice: 'Open the service’s address again.' },
  'path.reserved': { title: 'There is no such page' },
  'host.unknown': { title: 'There is no such service', advice: 'Check the address.' },
  'limit.header-size': { title: 'Too many cookies', advice: 'Delete the cookies of this site in your browser, then try again.' },
  'limit.connections': notNow,
  'limit.approvals': notNow,
  'registration.failed': notNow,
} // biome-ignore format: one line a reason

const ofFamily: Readonly<Record<string, Words>> = {
  app: fromApp,
  access: notAllowed,
  device: notAllowed,
  registration: notAllowed,
  upstream: unreachable,
  state: notNow,
  gateway: notNow,
}

export function wordsFor(reason: ReasonCode): Words {
  return ofReason[reason] ?? ofFamily[reason.slice(0, reason.indexOf('.'))] ?? notUnderstood
}

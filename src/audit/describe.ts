/**
 * The audit trail is kept by the record (`store/audit-log.ts`); this folder is what people read of it.
 */
import type { AuditAction, AuditRecord } from '../domain/audit.ts'

const words = {
  'registration.created': 'registered',
  'registration.keys-added': 'signed in again',
  'device.blocked': 'blocked',
  'device.unblocked': 'unblocked',
  'device.forgotten': 'forgot',
  'approval.requested': 'asked for the approval of',
  'approval.granted': 'approved',
  'approval.denied': 'denied',
  'app.admitted': 'registered the app on',
  'app.revoked': 'ended the trust in a key of the company app',
  'bypass.opened': 'opened a bypass of',
  'bypass.closed': 'closed the bypass of',
  'token.created': 'created',
  'token.revoked': 'revoked',
  'authority.added': 'added the certificate authority',
  'certificate.issued': 'issued the certificate',
  'certificate.revoked': 'revoked the certificate',
  'posture.changed': 'changed the posture of',
  'vendor.held': 'held back the news of',
  'vendor.confirmed': 'confirmed the news of',
  'vendor.failed': 'could not read',
  'vendor.recovered': 'could read again',
  'device.linked': 'linked',
  'device.unlinked': 'unlinked',
  'device.surplus-approved': 'approved as one client more',
  'enrollment.code-created': 'made the enrollment code',
  'enrollment.code-revoked': 'revoked the enrollment code',
  'enrollment.signed-in': 'signed in to enroll a device:',
  'enrollment.profile-issued': 'gave an enrollment profile to',
  'enrollment.begun': 'began the enrollment of',
  'enrollment.enrolled': 'enrolled',
  'enrollment.renewed': 'renewed the identity of',
  'enrollment.renewal-failed': 'could not renew its identity',
  'enrollment.ended': 'ended the enrollment of',
  'profile.pushed': 'sent again the profiles',
  'push.requested': 'woke',
  'command.queued': 'queued a command for',
  'command.finished': 'has the answer of',
  'command.cancelled': 'took back a command for',
  'policy.loaded': 'loaded policy',
  'policy.rejected': 'rejected policy',
  'gateway.started': 'started',
  'gateway.stopped': 'stopped',
  'audit.removed': 'removed what is older than the settings keep of',
} as const satisfies Record<AuditAction, string>

/** One line: `12  2026-01-31T08:00:00.000Z  root blocked r_4k2m: lost in a taxi (service=mail user=ann)`. */
export function describe(record: AuditRecord): string {
  const { sequence, at, actor, action, subject, why } = record
  const details = Object.entries(record.details).map(([name, value]) => `${name}=${String(value)}`)
  const reason = why === undefined ? '' : `: ${why}`
  const rest = details.length === 0 ? '' : ` (${details.join(' ')})`
  const line = `${sequence}  ${new Date(at).toISOString()}  ${actor} ${words[action]} ${subject}${reason}${rest}`
  return printable(line)
}

/** User names and reasons are other people's text: they must not write to the terminal what we did not. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '\ufffd')
}

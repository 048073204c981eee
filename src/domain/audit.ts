/** What is written down for good: who did what to what, and why. Never holds a secret. */
export const auditActions = [
  'registration.created',
  'registration.keys-added',
  'device.blocked',
  'device.unblocked',
  'device.forgotten',
  'approval.requested',
  'approval.granted',
  'approval.denied',
  'app.admitted',
  'app.revoked',
  'bypass.opened',
  'bypass.closed',
  'token.created',
  'token.revoked',
  'authority.added',
  'certificate.issued',
  'certificate.revoked',
  'posture.changed',
  'vendor.held',
  'vendor.confirmed',
  'vendor.failed',
  'vendor.recovered',
  'device.linked',
  'device.unlinked',
  'device.surplus-approved',
  'enrollment.code-created',
  'enrollment.code-revoked',
  'enrollment.signed-in',
  'enrollment.profile-issued',
  'enrollment.begun',
  'enrollment.enrolled',
  'enrollment.renewed',
  'enrollment.renewal-failed',
  'enrollment.ended',
  'profile.pushed',
  'push.requested',
  'command.queued',
  'command.finished',
  'command.cancelled',
  'policy.loaded',
  'policy.rejected',
  'gateway.started',
  'gateway.stopped',
  'audit.removed',
] as const
export type AuditAction = (typeof auditActions)[number]

export interface AuditEvent {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly action: AuditAction
  /** `gateway`, or the operating-system user of the command line. */
  readonly actor: string
  /** What it was done to: a registration's id, a service's name, a policy's digest. */
  readonly subject: string
  readonly why?: string
  readonly details: Readonly<Record<string, string | number | boolean | readonly string[]>>
}

/** An audit event as the record keeps it: each holds the hash of the one before, so that a gap or an edit shows. */
export interface AuditRecord extends AuditEvent {
  readonly sequence: number
  readonly previousHash: string
  readonly hash: string
}

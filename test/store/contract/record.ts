import type { Test } from 'tap'
import { administrationContract } from './administration.ts'
import { appDevicesContract } from './app-devices.ts'
import { auditContract } from './audit-and-changes.ts'
import { certificatesContract } from './certificates.ts'
import { complianceContract } from './compliance.ts'
import { enrollmentSignInContract } from './enrollment-sign-in.ts'
import { enrollmentsContract } from './enrollments.ts'
import { keysContract } from './keys-of-registrations.ts'
import { leasesContract } from './leases.ts'
import { mdmCommandsContract } from './mdm-commands.ts'
import { mdmTokensContract } from './mdm-tokens.ts'
import { profilesContract } from './profiles.ts'
import { pushOutboxContract } from './push-outbox.ts'
import { registrationsContract } from './registrations.ts'
import { renewalsContract } from './renewals.ts'
import { retentionContract } from './retention.ts'
import { revocationsContract } from './revocations.ts'
import type { OpenStore } from './values.ts'

/** Every contract of the record. Each database runs this one, so that none is left out anywhere. */
export function recordContract(t: Test, open: OpenStore): void {
  registrationsContract(t, open)
  pushOutboxContract(t, open)
  keysContract(t, open)
  complianceContract(t, open)
  administrationContract(t, open)
  appDevicesContract(t, open)
  auditContract(t, open)
  certificatesContract(t, open)
  revocationsContract(t, open)
  enrollmentSignInContract(t, open)
  leasesContract(t, open)
  mdmTokensContract(t, open)
  retentionContract(t, open)
  enrollmentsContract(t, open)
  mdmCommandsContract(t, open)
  profilesContract(t, open)
  renewalsContract(t, open)
}

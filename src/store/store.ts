import { systemRandom } from '../lib/random.ts'
import { createAppDevices } from './app-devices.ts'
import { createApprovals } from './approvals.ts'
import { createAuditLog } from './audit-log.ts'
import { createAuthorities } from './authorities.ts'
import { createBindingTickets } from './binding-tickets.ts'
import { createBypasses } from './bypasses.ts'
import { createCertificates } from './certificates.ts'
import { createChanges } from './changes.ts'
import { type Database, write } from './database.ts'
import { createDeviceLinks } from './device-links.ts'
import { createDeviceProfiles } from './device-profiles.ts'
import { createEnrolledPeople } from './enrolled-people.ts'
import { createEnrollmentCodes } from './enrollment-codes.ts'
import { createEnrollmentPasses } from './enrollment-passes.ts'
import { sealOf } from './enrollment-rows.ts'
import { createEnrollments } from './enrollments.ts'
import { createGrants } from './grants.ts'
import { createInstallationKeys } from './keys.ts'
import { createLeases } from './leases.ts'
import { createManagedDevices } from './managed-devices.ts'
import { createMdmCommands } from './mdm-commands.ts'
import { createMdmTokens } from './mdm-tokens.ts'
import type { Store } from './ports.ts'
import { createPostures } from './postures.ts'
import { createProxiedKeys } from './proxied-keys.ts'
import { createPushOutbox } from './push-outbox.ts'
import { createRefusals } from './refusals.ts'
import { createRegistrations } from './registrations.ts'
import { createRenewals } from './renewals.ts'
import { createRetention } from './retention.ts'
import { createScepChallenges } from './scep-challenges.ts'
import { createVendorSweeps } from './vendor-sweeps.ts'

/** The record over an opened and migrated database: the same for every driver. */
export function createStore(db: Database, close: () => Promise<void>): Store {
  const changes = createChanges(db)
  const keys = createInstallationKeys(db)
  const openSeal = sealOf(keys, systemRandom().secret)
  return {
    registrations: createRegistrations(db),
    grants: createGrants(db),
    approvals: createApprovals(db),
    bypasses: createBypasses(db),
    appDevices: createAppDevices(db),
    bindingTickets: createBindingTickets(db),
    mdmTokens: createMdmTokens(db),
    refusals: createRefusals(db),
    audit: createAuditLog(db),
    changes,
    keys,
    leases: createLeases(db),
    retention: createRetention(db),
    managedDevices: createManagedDevices(db),
    sweeps: createVendorSweeps(db),
    postures: createPostures(db),
    links: createDeviceLinks(db),
    authorities: createAuthorities(db),
    certificates: createCertificates(db),
    scepChallenges: createScepChallenges(db),
    proxiedKeys: createProxiedKeys(db),
    renewals: createRenewals(db),
    enrollments: createEnrollments(db, openSeal),
    mdmCommands: createMdmCommands(db, openSeal),
    pushOutbox: createPushOutbox(db),
    enrollmentCodes: createEnrollmentCodes(db),
    enrollmentPasses: createEnrollmentPasses(db),
    deviceProfiles: createDeviceProfiles(db),
    enrolledPeople: createEnrolledPeople(db),
    async ping() {
      await changes.latest()
    },
    async pingWrites() {
      await write(db, async () => {})
    },
    close,
  }
}

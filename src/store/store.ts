import { createAppDevices } from './app-devices.ts'
import { createApprovals } from './approvals.ts'
import { createAuditLog } from './audit-log.ts'
import { createBindingTickets } from './binding-tickets.ts'
import { createBypasses } from './bypasses.ts'
import { createChanges } from './changes.ts'
import { type Database, write } from './database.ts'
import { createDeviceLinks } from './device-links.ts'
import { createEnrollmentCodes } from './enrollment-codes.ts'
import { createEnrollmentPasses } from './enrollment-passes.ts'
import { createGrants } from './grants.ts'
import { createInstallationKeys } from './keys.ts'
import { createLeases } from './leases.ts'
import { createManagedDevices } from './managed-devices.ts'
import { createMdmTokens } from './mdm-tokens.ts'
import type { Store } from './ports.ts'
import { createPostures } from './postures.ts'
import { createRefusals } from './refusals.ts'
import { createRegistrations } from './registrations.ts'
import { createRetention } from './retention.ts'
import { createVendorSweeps } from './vendor-sweeps.ts'

/** The record over an opened and migrated database: the same for every driver. */
export function createStore(db: Database, close: () => Promise<void>): Store {
  const changes = createChanges(db)
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
    keys: createInstallationKeys(db),
    leases: createLeases(db),
    retention: createRetention(db),
    managedDevices: createManagedDevices(db),
    sweeps: createVendorSweeps(db),
    postures: createPostures(db),
    links: createDeviceLinks(db),
    enrollmentCodes: createEnrollmentCodes(db),
    enrollmentPasses: createEnrollmentPasses(db),
    async ping() {
      await changes.latest()
    },
    async pingWrites() {
      await write(db, async () => {})
    },
    close,
  }
}

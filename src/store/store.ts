import { createApprovals } from './approvals.ts'
import { createAuditLog } from './audit-log.ts'
import { createBypasses } from './bypasses.ts'
import { createChanges } from './changes.ts'
import { type Database, write } from './database.ts'
import { createGrants } from './grants.ts'
import { createInstallationKeys } from './keys.ts'
import { createLeases } from './leases.ts'
import { createMdmTokens } from './mdm-tokens.ts'
import type { Store } from './ports.ts'
import { createRefusals } from './refusals.ts'
import { createRegistrations } from './registrations.ts'
import { createRetention } from './retention.ts'

/** The record over an opened and migrated database: the same for every driver. */
export function createStore(db: Database, close: () => Promise<void>): Store {
  const changes = createChanges(db)
  return {
    registrations: createRegistrations(db),
    grants: createGrants(db),
    approvals: createApprovals(db),
    bypasses: createBypasses(db),
    mdmTokens: createMdmTokens(db),
    refusals: createRefusals(db),
    audit: createAuditLog(db),
    changes,
    keys: createInstallationKeys(db),
    leases: createLeases(db),
    retention: createRetention(db),
    async ping() {
      await changes.latest()
    },
    async pingWrites() {
      await write(db, async () => {})
    },
    close,
  }
}

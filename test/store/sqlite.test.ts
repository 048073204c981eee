import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { administrationContract } from './contract/administration.ts'
import { auditContract } from './contract/audit-and-changes.ts'
import { keysContract } from './contract/keys-of-registrations.ts'
import { leasesContract } from './contract/leases.ts'
import { registrationsContract } from './contract/registrations.ts'
import { retentionContract } from './contract/retention.ts'
import { type Clock, start } from './contract/values.ts'

async function open(t: Test, clock: Clock = { now: start }) {
  const store = await openSqliteStore(join(t.testdir(), 'record.db'), { now: () => clock.now })
  t.teardown(() => store.close())
  return store
}

registrationsContract(t, open)
keysContract(t, open)
administrationContract(t, open)
auditContract(t, open)
leasesContract(t, open)
retentionContract(t, open)

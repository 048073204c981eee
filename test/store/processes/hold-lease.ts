/** Holds the lease `poll` of the record that it is given, until it is killed. */
import { setTimeout as delay } from 'node:timers/promises'
import { openSqliteStore } from '../../../src/store/sqlite.ts'

const store = await openSqliteStore(process.argv[2] ?? '', { now: Date.now })
for (;;) {
  console.log(await store.leases.hold('poll', 'a', 500))
  await delay(5)
}

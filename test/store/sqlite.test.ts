import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { recordContract } from './contract/record.ts'
import { type Clock, start } from './contract/values.ts'

recordContract(t, async (t: Test, clock: Clock = { now: start }) => {
  const store = await openSqliteStore(join(t.testdir(), 'record.db'), { now: () => clock.now })
  t.teardown(() => store.close())
  return store
})

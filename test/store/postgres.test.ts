import t, { type Test } from 'tap'
import { openStore } from '../../src/store/open.ts'
import { postgresServer } from '../helpers/postgres.ts'
import { recordContract } from './contract/record.ts'
import { type Clock, start } from './contract/values.ts'

const server = await postgresServer(t)

recordContract(t, async (t: Test, clock: Clock = { now: start }) => {
  const store = await openStore(await server.createLocation(), { now: () => clock.now })
  t.teardown(() => store.close())
  return store
})

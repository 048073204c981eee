import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { counts, type Fault, knownDevice, load, messages, site, stranger, theRecordFails } from './support.ts'

const faults: Readonly<Record<string, Fault>> = {
  'stopped in order': { begin: ({ postgres }) => postgres.stop(), end: ({ postgres }) => postgres.restart() },
  killed: { begin: ({ postgres }) => postgres.kill(), end: ({ postgres }) => postgres.restart() },
  'out of reach': {
    begin: ({ toPostgres }) => toPostgres.refuse(),
    end: ({ toPostgres }) => toPostgres.restore(),
  },
  'away together with Redis': {
    begin: ({ postgres, redis }) => Promise.all([postgres.kill(), redis.kill()]),
    end: ({ postgres, redis }) => Promise.all([postgres.restart(), redis.start()]),
  },
}

t.test('PostgreSQL goes away: who is known goes on, everybody else is told to come back', async (t) => {
  const one = await site(t)
  const cookie = await knownDevice(one)
  for (const [name, fault] of Object.entries(faults)) {
    await t.test(name, (t) => theRecordFails(t, one, cookie, fault))
  }
})

t.test('a device goes on for no longer than staleFor', async (t) => {
  const one = await site(t, { redis: false, policyLimits: 'staleFor: 3s' })
  const { first, postgres } = one
  const cookie = await knownDevice(one)
  await postgres.kill()
  t.equal((await messages(first, cookie)).status, 200)
  await eventually(async () => {
    const everywhere = await load(() => messages(first, cookie), { clients: 1, each: 6 })
    return counts(everywhere)[503] === 6
  }, 30_000)
  await postgres.restart()
  await eventually(async () => (await messages(first, cookie)).status === 200, 30_000)
  await eventually(async () => (await messages(first, stranger)).status === 403, 30_000)
})

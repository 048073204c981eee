import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { longPoll } from './long-conversations.ts'
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
  const one = await site(t, { limits: 'recordTimeout: 1s' })
  const cookie = await knownDevice(one)
  for (const [name, fault] of Object.entries(faults)) {
    await t.test(name, (t) => theRecordFails(t, one, cookie, fault))
  }
})

t.test('a device goes on for no longer than staleFor', async (t) => {
  const one = await site(t, { redis: false, policyLimits: 'staleFor: 12s' })
  const { first, postgres } = one
  const cookie = await knownDevice(one)
  await postgres.kill()
  t.equal((await messages(first, cookie)).status, 200)
  await eventually(async () => {
    const everywhere = await load(() => messages(first, cookie), { clients: 1, each: 6 })
    return counts(everywhere)[503] === 6
  })
  await postgres.restart()
  await eventually(async () => (await messages(first, cookie)).status === 200)
  await eventually(async () => (await messages(first, stranger)).status === 403)
})

t.test('nor do the connections that it has open', async (t) => {
  const one = await site(t, { redis: false, processes: 1, policyLimits: 'staleFor: 12s' })
  const { first, postgres, installation } = one
  const poll = await longPoll(t, first, installation.ca, await knownDevice(one))
  const text = readFileSync(installation.policyFile, 'utf8')
  let edits = 0
  // All open exchanges are looked at again each half minute, and with each new policy.
  const lookAgain = () => {
    writeFileSync(installation.policyFile, `${text}# ${++edits}\n`)
    return first.child.kill('SIGHUP')
  }
  await postgres.kill()
  lookAgain()
  t.notOk(poll.ended(), 'not at once')
  await eventually(async () => {
    lookAgain()
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    return poll.ended()
  })
  t.match(
    first.log.filter(({ msg }) => msg === 'cut off'),
    [{ reason: 'state.unavailable' }],
  )
})

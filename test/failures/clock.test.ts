import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { temporaryFolder } from '../helpers/certificates.ts'
import { wifi } from '../helpers/chat.ts'
import { eventually } from '../helpers/eventually.ts'
import { knownDevice, knownEverywhere, messages, site, stranger } from './support.ts'

const hours = 3_600_000

t.test('the clock steps by hours, in both directions: nothing gets older or younger by it', async (t) => {
  const file = join(temporaryFolder(t), 'clock')
  const one = await site(t, {
    policyLimits: 'clientsPerUser: 1000, staleFor: 25s',
    env: {
      NODE_OPTIONS: `--import=${new URL('stepping-clock.mjs', import.meta.url).href}`,
      GATEHOUSE_TEST_CLOCK: file,
    },
  })
  const { first, installation, machines, postgres } = one
  const cookie = await knownDevice(one)
  const step = async (ahead: number) => {
    writeFileSync(file, String(ahead))
    const by = Date.now() + ahead
    await eventually(async () => {
      await first.ask({ path: '/healthcheck.htm' })
      const last = first.log.findLast(({ msg }) => msg === 'exchange')
      return Math.abs(Date.parse(String(last?.time)) - by) < 60_000
    })
  }
  const store = await one.openStore()
  const leases = await store.leases.list()

  for (const ahead of [6 * hours, 0, -6 * hours, 0]) {
    await step(ahead)
    await knownEverywhere(machines, cookie)
    t.equal((await messages(first, stranger)).status, 403)
    t.equal((await first.signIn(wifi, { user: 'bob' })).status, 302)
  }
  t.strictSame(await store.leases.list(), leases, 'who holds a lease holds it still, and nobody else does')

  // A bypass lasts as long as it was to last, though the clock says that it has hours to go.
  t.equal((await installation.gatehouse('bypass', 'chat', '--for', '12s', '--why', 'test')).code, 0)
  await eventually(async () => (await messages(first, stranger)).status === 200)
  await step(-6 * hours)
  await eventually(async () => {
    for (let n = 0; n < 6; n++) if ((await messages(first, stranger)).status === 200) return false
    return true
  })
  await step(0)

  // A record that is away: no step makes a state stale, and none makes it fresh again.
  await knownEverywhere(machines, cookie)
  await postgres.kill()
  await step(6 * hours)
  t.equal((await messages(first, cookie)).status, 200, 'read a moment ago')
  await step(-6 * hours)
  await eventually(async () => {
    for (let n = 0; n < 6; n++) if ((await messages(first, cookie)).status === 200) return false
    return true
  })
  await postgres.restart()
  await eventually(async () => (await messages(first, cookie)).status === 200)
})

import pg from 'pg'
import t, { type Test } from 'tap'
import { wifi } from '../helpers/chat.ts'
import { eventually } from '../helpers/eventually.ts'
import type { ClientAnswer } from '../helpers/http-client.ts'
import { acceptance, type GatehouseProcess, upstream } from '../operations/support.ts'
import { allServe, pids, whoHas } from '../supervisor/support.ts'
import { counts, knownDevice, load, messages, type Site, site, stranger } from './support.ts'

// Long deadlines: what ends the waiting in these tests is the kill.
const patient = 'recordTimeout: 20s, recordWriteTimeout: 20s, redisTimeout: 20s'

/** Takes every sign-in; `onSignIn` gets the port from which the gateway asks, before it hears of it. */
function accepting(t: Test, onSignIn: (port: number) => unknown): Promise<string> {
  return upstream(t, async (request, response) => {
    request.resume()
    if (request.url !== '/login') return response.end('welcome')
    await onSignIn(request.socket.remotePort ?? 0)
    return response.writeHead(302, acceptance).end()
  })
}

/** Another is in its place, and all serve. */
async function isReplaced(gateway: GatehouseProcess, pid: number): Promise<void> {
  await eventually(() => ![...pids(gateway).values()].includes(pid))
  await allServe(gateway)
  const lost = gateway.log.filter(({ msg }) => msg === 'a process was lost and is replaced')
  if (!lost.some((line) => line.pid === pid)) throw new Error(`nobody was told that ${pid} was lost`)
}

/** Every write begins with this row: none commits until it is let go, which the end of the test does at the latest. */
async function holdCommits(t: Test, { postgres, database }: Site): Promise<() => Promise<void>> {
  const { host, port, user } = postgres
  const holder = new pg.Client({ host, port, user, database: new URL(database).pathname.slice(1) })
  holder.on('error', () => {})
  await holder.connect()
  let held = true
  const release = async () => {
    if (held) await holder.end()
    held = false
  }
  t.teardown(release)
  await holder.query('begin')
  await holder.query("select 1 from counters where name = 'changes' for update")
  return release
}

function commitWaits({ postgres, database }: Site): Promise<boolean> {
  const waiting = `select 1 from pg_stat_activity
    where wait_event_type = 'Lock' and application_name = 'gatehouse' and datname = current_database()`
  return eventually(async () => (await postgres.query(database, waiting)).length > 0)
}

/** Undefined when the connection broke: the client was told nothing. */
const signIn = (gateway: GatehouseProcess, user: string): Promise<ClientAnswer | undefined> =>
  gateway.signIn(wifi, { user }).catch(() => undefined)

t.test('a process that is killed before the commit has registered nothing', async (t) => {
  let port = 0
  const address = await accepting(t, (from) => {
    port = from
  })
  const one = await site(t, { upstream: address, limits: patient })
  const { first } = one
  const alice = await knownDevice(one)
  const release = await holdCommits(t, one)
  const answer = signIn(first, 'bob')
  await commitWaits(one)
  const pid = await eventually(() => whoHas(first, port))
  process.kill(pid, 'SIGKILL')
  t.equal(await answer, undefined, 'told nothing')
  await isReplaced(first, pid)
  const others = await load(() => messages(first, alice), { clients: 2, each: 5 })
  t.strictSame(counts(others), { 200: 10 }, 'the others go on meanwhile')
  await release()

  const again = await first.signIn(wifi, { user: 'bob' })
  t.equal((await messages(first, again.cookies.join('; '))).status, 200)
  const store = await one.openStore()
  t.equal((await store.registrations.list({ user: 'bob', limit: 10 })).length, 1, 'the second alone')
  t.equal(await store.audit.verify(), undefined)
})

t.test(
  'a process that is killed between commit and answer: the device is in whole, and harmless',
  async (t) => {
    let port = 0
    let hold = () => {}
    const address = await accepting(t, (from) => {
      port = from
      hold()
    })
    const one = await site(t, { upstream: address, limits: patient })
    const { first } = one
    const alice = await knownDevice(one)
    const store = await one.openStore()
    // Behind the commit Redis is told, before the client is.
    hold = () => one.toRedis.hold()
    const answer = signIn(first, 'bob')
    const committed = await eventually(
      async () => (await store.registrations.list({ user: 'bob', limit: 10 }))[0],
    )
    const pid = await eventually(() => whoHas(first, port))
    process.kill(pid, 'SIGKILL')
    hold = () => {}
    t.equal(await answer, undefined, 'told nothing')
    await one.toRedis.restore()
    await isReplaced(first, pid)
    t.equal((await messages(first, alice)).status, 200)
    t.match(committed, { registration: { user: 'bob' } })
    t.equal((await messages(first, stranger)).status, 403, 'nobody has the cookie that it was to get')

    const again = await first.signIn(wifi, { user: 'bob' })
    t.equal((await messages(first, again.cookies.join('; '))).status, 200)
    t.equal((await store.registrations.list({ user: 'bob', limit: 10 })).length, 2)
    t.equal(await store.audit.verify(), undefined)
  },
)

t.test('killed under many sign-ins: who was told is in, and nobody else', async (t) => {
  const ports: number[] = []
  const address = await accepting(t, (from) => ports.push(from))
  const one = await site(t, { upstream: address, limits: patient })
  const { first } = one
  const answers: (ClientAnswer | undefined)[] = []
  const going = Array.from({ length: 4 }, async () => {
    for (let n = 0; n < 12; n++) answers.push(await signIn(first, 'bob'))
  })
  await eventually(() => answers.length >= 8)
  const pid = await eventually(() => whoHas(first, ports.at(-1) ?? 0))
  process.kill(pid, 'SIGKILL')
  await Promise.all(going)
  await isReplaced(first, pid)

  const told = answers.filter((answer) => answer?.status === 302)
  const broken = answers.length - told.length
  t.ok(told.length > 8, `${told.length} of ${answers.length} were told: the others go on`)
  for (const answer of told) {
    t.equal((await messages(first, answer?.cookies.join('; ') ?? '')).status, 200)
  }
  const store = await one.openStore()
  const stored = (await store.registrations.list({ limit: 100 })).length
  t.ok(stored >= told.length && stored <= told.length + broken, `${stored} stored, ${broken} broken off`)
  t.equal(await store.audit.verify(), undefined)
})

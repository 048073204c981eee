import t from 'tap'
import { internet, wifi } from '../helpers/chat.ts'
import { eventually } from '../helpers/eventually.ts'
import { allServe, cookieOf, isRunning, type Parked, park, pids, several, shows, whoHas } from './support.ts'

t.test('two processes share a port, both serve, and the metrics are those of the whole', async (t) => {
  const { gateway } = await several(t)
  const cookie = await cookieOf(gateway)
  for (let i = 0; i < 10; i++) {
    t.equal((await gateway.ask({ from: internet, path: '/api', headers: { cookie } })).status, 200)
  }
  const lines = await eventually(() => {
    const found = gateway.log.filter(({ msg, path }) => msg === 'exchange' && path === '/api')
    return found.length === 10 && found
  })
  t.strictSame([...new Set(lines.map(({ process }) => process))].sort(), [1, 2])
  const forwarded = 'gatehouse_exchanges_total{service="chat",verdict="forward",status="2xx"}'
  await shows(gateway, forwarded, 10)
  await shows(gateway, 'gatehouse_exchange_duration_seconds_count{service="chat"}', 11)
  await shows(gateway, 'gatehouse_processes', 2)
  await shows(gateway, 'gatehouse_record_available', 1)
})

t.test(
  'a killed process loses its own connections alone, is replaced, and what it counted stays counted',
  async (t) => {
    const { gateway, held } = await several(t)
    const cookie = await cookieOf(gateway)
    const owners = () =>
      eventually(() => [...held].map(({ req }) => whoHas(gateway, req.socket.remotePort ?? 0)))
    const parked: Parked[] = []
    // Connections are handed out in turns; a process that is busy for a moment is passed over.
    while (new Set(await owners()).size < 2 || parked.length < 4) parked.push(await park(t, gateway, cookie))
    const registered = 'gatehouse_registrations_total{service="chat"}'
    await shows(gateway, registered, 1)
    await shows(gateway, 'gatehouse_open_exchanges', parked.length)

    // Whichever of them has registered alice: both are killed, one after the other.
    let left = parked.length
    for (const [round, process] of [1, 2].entries()) {
      const pid = pids(gateway).get(process) ?? 0
      const own = (await owners()).filter((owner) => owner === pid).length
      t.ok(own > 0)
      globalThis.process.kill(pid, 'SIGKILL')
      left -= own
      await eventually(() => parked.filter(({ ended }) => !ended()).length <= left)
      await eventually(() => pids(gateway).get(process) !== pid)
      await allServe(gateway)
      t.equal(parked.filter(({ ended }) => !ended()).length, left, 'no other connection has ended')
      if (round === 0) {
        for (const response of held) response.write(', and again')
        await eventually(() => parked.filter(({ text }) => text() === 'parked, and again').length === left)
      }
      await shows(gateway, registered, 1)
    }
    const losses = gateway.log.filter(({ msg }) => msg === 'a process was lost and is replaced')
    t.match(losses, [
      { worker: 1, signal: 'SIGKILL', cause: 'ended', replacedIn: 0 },
      { worker: 2, signal: 'SIGKILL', cause: 'ended' },
    ])
    t.equal(losses.length, 2, 'one line each')
    await shows(gateway, 'gatehouse_processes_lost_total{cause="ended"}', 2)
    await shows(gateway, 'gatehouse_open_exchanges', 0)
    t.equal((await gateway.ask({ from: internet, path: '/api', headers: { cookie } })).status, 200)
  },
)

t.test('a block by the command line cuts that user’s connections in every process', async (t) => {
  const { gateway, one } = await several(t, { processes: 3 })
  const [alice, bob] = [await cookieOf(gateway, 'alice'), await cookieOf(gateway, 'bob')]
  const ofAlice = await Promise.all([1, 2, 3, 4, 5, 6].map(() => park(t, gateway, alice)))
  const ofBob = await Promise.all([1, 2, 3].map(() => park(t, gateway, bob)))
  const [registration] = await (await one.openStore()).registrations.list({ user: 'alice', limit: 1 })
  const id = registration?.registration.id ?? ''
  t.equal((await one.gatehouse('device', 'block', id, '--why', 'lost in a taxi')).code, 0)
  await eventually(() => ofAlice.every(({ ended }) => ended()))
  t.ok(ofBob.every(({ ended }) => !ended()))
  await shows(gateway, 'gatehouse_cut_offs_total{service="chat"}', 6)
})

t.test('several processes register at once on one SQLite file, without loss', async (t) => {
  const { gateway, one } = await several(t, { processes: 3 })
  const users = ['alice', 'bob', 'carol']
  const answers = await Promise.all(
    Array.from({ length: 24 }, (_, index) => gateway.signIn(wifi, { user: users[index % 3] ?? '' })),
  )
  for (const { status } of answers) t.equal(status, 302)
  const store = await one.openStore()
  t.equal((await store.registrations.list({ limit: 100 })).length, 24)
  t.equal(await store.audit.verify(), undefined)
  await shows(gateway, 'gatehouse_registrations_total{service="chat"}', 24)
  for (const { cookies } of answers) {
    const cookie = cookies.join('; ')
    t.equal((await gateway.ask({ from: internet, path: '/api', headers: { cookie } })).status, 200)
  }
})

t.test('a supervisor that is killed leaves no process behind', async (t) => {
  const { gateway } = await several(t)
  await eventually(() => pids(gateway).size === 3)
  const workers = [...pids(gateway).values()]
  t.ok(workers.every(isRunning))
  gateway.child.kill('SIGKILL')
  await eventually(() => !workers.some(isRunning))
})

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { sha256 } from '../../src/lib/hash.ts'
import type { PostgresLocation } from '../../src/store/location.ts'
import { migrations } from '../../src/store/migrations/table.ts'
import { openStore } from '../../src/store/open.ts'
import { migratePostgres } from '../../src/store/postgres.ts'
import { postgresServer } from '../helpers/postgres.ts'

const script = join(import.meta.dirname, 'processes/register.ts')
// Waits for its disk at each commit, as it does for customers: these tests kill it.
const server = await postgresServer(t, { fsync: true })

function startProcess(t: Test, location: PostgresLocation, ...args: readonly string[]) {
  const child = spawn(process.execPath, [script, JSON.stringify(location), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  const exited = once(child, 'exit')
  const told: string[] = []
  const lines = createInterface({ input: child.stdout }).on('line', (line) => told.push(line))
  const complaints: string[] = []
  createInterface({ input: child.stderr }).on('line', (line) => complaints.push(line))
  return { child, exited, lines, told, complaints }
}

async function open(t: Test, location: PostgresLocation) {
  const store = await openStore(location, { now: Date.now })
  t.teardown(() => store.close())
  return store
}

t.test('processes that start together migrate once, and write to one record without loss', async (t) => {
  const location = await server.createLocation()
  const names = ['ann', 'bob', 'eve']
  const exits = names.map(async (name) => (await startProcess(t, location, name, '30').exited)[0])
  t.strictSame(await Promise.all(exits), [0, 0, 0])
  const store = await open(t, location)
  for (const user of names) t.equal((await store.registrations.list({ user, limit: 100 })).length, 30)
  const sequences = (await store.changes.since(0, 1000)).map((change) => change.sequence)
  t.strictSame(
    sequences,
    Array.from({ length: 90 }, (_, index) => index + 1),
  )
  t.equal(await store.audit.verify(), undefined)
})

t.test('of many that migrate at the same moment one takes the steps', async (t) => {
  const location = await server.createLocation()
  const taken = await Promise.all(Array.from({ length: 6 }, () => migratePostgres(location)))
  t.strictSame(taken.flat(), Object.keys(migrations))
})

t.test('a user who registers from several processes at once keeps to the limit', async (t) => {
  const location = await server.createLocation()
  const both = [startProcess(t, location, 'ann', '20', '7'), startProcess(t, location, 'ann', '20', '7')]
  for (const { exited } of both) t.strictSame(await exited, [0, null])
  const told = both.flatMap((process) => process.told)
  t.equal(told.length, 7)
  const store = await open(t, location)
  const kept = await store.registrations.list({ limit: 100 })
  t.strictSame(kept.map((state) => state.registration.id).sort(), told.sort())
})

t.test(
  'a registration that was told of survives when the server is killed in the middle of writing',
  async (t) => {
    const location = await server.createLocation()
    const { child, exited, lines, told, complaints } = startProcess(t, location, 'ann', '1000000')
    while (told.length < 20) await once(lines, 'line')
    await server.kill()
    t.strictSame(await exited, [1, null])
    t.match(complaints.join('\n'), /code: '(unreachable|closed)'/)
    t.equal(child.exitCode, 1)
    await server.restart()
    const store = await open(t, location)
    for (const id of told) t.ok(await store.registrations.findByKeys([sha256(id)], Date.now()), id)
    const kept = await store.registrations.list({ limit: 1000 })
    t.ok(kept.length - told.length <= 1, 'at most the one whose commit was under way')
    t.equal(await store.audit.verify(), undefined)
    t.equal(await store.changes.latest(), kept.length)
  },
)

t.test('a process that is killed in the middle of writing keeps nobody from writing', async (t) => {
  const location = await server.createLocation()
  const { child, exited, lines, told } = startProcess(t, location, 'ann', '1000000')
  while (told.length < 20) await once(lines, 'line')
  child.kill('SIGKILL')
  await exited
  const store = await open(t, location)
  await store.pingWrites()
  for (const id of told) t.ok(await store.registrations.findByKeys([sha256(id)], Date.now()), id)
  t.equal(await store.audit.verify(), undefined)
})

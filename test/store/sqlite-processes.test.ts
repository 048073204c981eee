import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { sha256 } from '../../src/lib/hash.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'

const script = join(import.meta.dirname, 'processes/register.ts')

function startProcess(t: Test, ...args: readonly string[]) {
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  const exited = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })
  return { child, exited, lines }
}

t.test('a registration that was told of survives SIGKILL at any moment', async (t) => {
  const path = join(t.testdir(), 'record.db')
  const { child, exited, lines } = startProcess(t, path, 'ann', '1000000')
  const told: string[] = []
  for await (const id of lines) {
    told.push(id)
    if (told.length === 20) child.kill('SIGKILL')
  }
  t.strictSame(await exited, [null, 'SIGKILL'])
  const store = await openSqliteStore(path, { now: Date.now })
  t.teardown(() => store.close())
  t.ok(told.length >= 20)
  for (const id of told) {
    const found = await store.registrations.findByKeys([sha256(id)], Date.now())
    t.equal(found?.state.registration.id, id)
  }
  t.equal(await store.audit.verify(), undefined)
  t.equal(await store.changes.latest(), (await store.registrations.list({ limit: 1000 })).length)
})

t.test('processes that start together migrate once, and write to one record without loss', async (t) => {
  const path = join(t.testdir(), 'new', 'record.db')
  const names = ['ann', 'bob', 'eve']
  const exits = names.map(async (name) => (await startProcess(t, path, name, '30').exited)[0])
  t.strictSame(await Promise.all(exits), [0, 0, 0])
  const store = await openSqliteStore(path, { now: Date.now })
  t.teardown(() => store.close())
  for (const user of names) t.equal((await store.registrations.list({ user, limit: 100 })).length, 30)
  const sequences = (await store.changes.since(0, 1000)).map((change) => change.sequence)
  t.strictSame(
    sequences,
    Array.from({ length: 90 }, (_, index) => index + 1),
  )
  t.equal(await store.audit.verify(), undefined)
})

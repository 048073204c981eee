import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { eventually } from '../helpers/eventually.ts'

t.test('a contender waits for the whole time, from when it first saw the beat stand still', async (t) => {
  const clock = { monotonic: 0 }
  const open = async () => {
    const store = await openSqliteStore(path, { now: () => 0, monotonic: () => clock.monotonic })
    t.teardown(() => store.close())
    return store.leases
  }
  const path = join(t.testdir(), 'record.db')
  const [holder, contender] = [await open(), await open()]
  await holder.hold('poll', 'a', 1000)
  clock.monotonic = 5000
  t.equal(await contender.hold('poll', 'b', 1000), undefined, 'it sees it for the first time')
  clock.monotonic = 5999
  t.equal(await contender.hold('poll', 'b', 1000), undefined)
  await holder.hold('poll', 'a', 1000)
  clock.monotonic = 6500
  t.equal(await contender.hold('poll', 'b', 1000), undefined, 'renewed')
  clock.monotonic = 7499
  t.equal(await contender.hold('poll', 'b', 1000), undefined)
  clock.monotonic = 7500
  t.equal(await contender.hold('poll', 'b', 1000), 2)
})

t.test('the lease of a process that was killed is taken over', async (t) => {
  const path = join(t.testdir(), 'record.db')
  const child = spawn(process.execPath, [join(import.meta.dirname, 'processes/hold-lease.ts'), path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  await once(createInterface({ input: child.stdout }), 'line')
  const store = await openSqliteStore(path, { now: Date.now })
  t.teardown(() => store.close())
  // Renewed every few milliseconds: half a second without a renewal is the end of the other process.
  t.equal(await store.leases.hold('poll', 'b', 500), undefined)
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
  t.equal(await eventually(() => store.leases.hold('poll', 'b', 500)), 2)
})

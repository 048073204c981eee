import { join } from 'node:path'
import t, { type Test } from 'tap'
import { followChanges } from '../../src/devices/changes.ts'
import type { Change, Changes } from '../../src/store/ports.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { admin, key, registration, start } from '../store/contract/values.ts'

/** Never by itself: the tests poke. */
const never = 2_000_000_000

function following(t: Test, changes: Changes, intervalMs = never) {
  const seen: (string | number)[] = []
  const errors: unknown[] = []
  const followers = followChanges({
    changes,
    intervalMs,
    onChange: (change) => seen.push(change.sequence),
    onGap: () => seen.push('gap'),
    onBack: (asOf) => seen.push(`back at ${asOf}`),
    onError: (error) => errors.push(error),
  })
  t.teardown(() => followers.close())
  return { ...followers, seen, errors }
}

/** Changes 1 to `count`, of which those up to `pruned` are gone. */
function recordOf(count: number, pruned = 0) {
  const control = { count, pruned, failing: false, under: 0, most: 0, life: 'first' }
  const answers = async () => {
    control.most = Math.max(control.most, ++control.under)
    await new Promise(setImmediate)
    control.under--
    if (control.failing) throw new Error('down')
  }
  const changes: Changes = {
    async latest() {
      await answers()
      return control.count
    },
    async since(sequence, limit) {
      await answers()
      const all = Array.from({ length: control.count }, (_, index): Change => {
        return {
          sequence: index + 1,
          kind: 'registration',
          subject: `r_${index + 1}`,
          mark: `${control.life}.${index + 1}`,
        }
      })
      return all.filter((one) => one.sequence > Math.max(sequence, control.pruned)).slice(0, limit)
    },
  }
  return { changes, control }
}

t.test('following begins with a gap at the present; every later change comes once, in order', async (t) => {
  const { changes, control } = recordOf(5)
  const { poke, seen } = following(t, changes)
  await poke()
  t.strictSame(seen, ['gap'])
  control.count = 1300
  await poke()
  await poke()
  t.strictSame(
    seen.slice(1),
    Array.from({ length: 1295 }, (_, index) => index + 6),
  )
})

t.test('a change that another process commits is seen without being told of', async (t) => {
  const path = join(t.testdir(), 'record.db')
  const gateway = await openSqliteStore(path, { now: () => start })
  const commandLine = await openSqliteStore(path, { now: () => start })
  t.teardown(() => Promise.all([gateway.close(), commandLine.close()]))
  await gateway.registrations.register(registration('r_1'), [key('a')], 10)
  // The follower's own timer does not keep a process alive.
  const alive = setInterval(() => undefined, 1000)
  t.teardown(() => clearInterval(alive))
  const change = await new Promise<Change>((resolve, reject) => {
    const follower = followChanges({
      changes: gateway.changes,
      intervalMs: 5,
      onChange: resolve,
      onGap: () => void commandLine.registrations.block('r_1', admin).catch(reject),
      onError: reject,
    })
    t.teardown(() => follower.close())
  })
  t.match(change, { sequence: 2, kind: 'registration', subject: 'r_1' })
})

t.test(
  'changes that are gone already, or a record that was replaced by an older one, are a gap',
  async (t) => {
    const { changes, control } = recordOf(1)
    const { poke, seen } = following(t, changes)
    await poke()
    control.count = 20
    control.pruned = 10
    await poke()
    t.strictSame(seen, ['gap', 'gap'])
    control.count = 21
    await poke()
    t.strictSame(seen, ['gap', 'gap', 21])
    control.count = 3
    control.life = 'second'
    await poke()
    t.strictSame(seen, ['gap', 'gap', 21, 'gap'])
  },
)

t.test(
  'a record that was replaced by an older one, and has had as many changes since, is a gap',
  async (t) => {
    const { changes, control } = recordOf(10)
    const { poke, seen } = following(t, changes)
    for (const [life, count] of [
      ['second', 10],
      ['third', 11],
      ['fourth', 700],
    ] as const) {
      await poke()
      Object.assign(control, { life, count })
    }
    await poke()
    t.strictSame(seen, ['gap', 'gap', 'gap', 'gap'])
    control.count = 701
    await poke()
    t.strictSame(seen.at(-1), 701)
  },
)

t.test(
  'a record that does not answer is one gap; what was committed meanwhile is passed on afterwards',
  async (t) => {
    const { changes, control } = recordOf(1)
    const { poke, seen, errors } = following(t, changes)
    await poke()
    control.failing = true
    await poke()
    await poke()
    t.strictSame(seen, ['gap', 'gap'])
    t.equal(errors.length, 2)
    control.count = 2
    control.failing = false
    await poke()
    t.strictSame(seen, ['gap', 'gap', 2, 'back at 2'])
  },
)

t.test('looks never overlap, and a poke sees what was committed before it', async (t) => {
  const { changes, control } = recordOf(1)
  const { poke, seen } = following(t, changes, 0)
  await poke()
  control.count = 2
  await Promise.all([poke(), poke(), poke()])
  t.strictSame(seen, ['gap', 2])
  t.equal(control.most, 1)
})

t.test('a listener that fails costs no later change, and makes a gap', async (t) => {
  const { changes, control } = recordOf(1)
  const seen: (string | number)[] = []
  const follower = followChanges({
    changes,
    intervalMs: never,
    onChange: (change) => {
      seen.push(change.sequence)
      if (change.sequence === 2) throw new Error('listener')
    },
    onGap: () => seen.push('gap'),
    onError: () => seen.push('error'),
  })
  t.teardown(() => follower.close())
  await follower.poke()
  control.count = 3
  await follower.poke()
  await follower.poke()
  t.strictSame(seen, ['gap', 2, 'error', 'gap', 3])
})

t.test('after close nothing is passed on', async (t) => {
  const { changes, control } = recordOf(1)
  const { poke, close, seen } = following(t, changes)
  await poke()
  control.count = 2
  const last = poke()
  close()
  await last
  await poke()
  t.strictSame(seen, ['gap'])
})

import { join } from 'node:path'
import t, { type Test } from 'tap'
import { followChanges } from '../../src/devices/changes.ts'
import { createDeviceStates } from '../../src/devices/device-states.ts'
import type { Lookup } from '../../src/devices/shared-copies.ts'
import { openSharedState } from '../../src/shared-state/shared-state.ts'
import type { Store } from '../../src/store/ports.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { eventually } from '../helpers/eventually.ts'
import { type RedisUnderTest, startRedis } from '../helpers/redis.ts'
import { single } from '../shared-state/redis-under-test.ts'
import { admin, key, registration, start } from '../store/contract/values.ts'

const redis = await startRedis(t)
let made = 0

/** One gateway process: its hot copies, its view of the shared cache, the record that it counts its reads of. */
async function gatewayProcess(t: Test, store: Store, server: RedisUnderTest = redis) {
  // By the clock of Redis, which the tests do not turn.
  const settings = { ...single(server), keepUnknown: 600_000 }
  const shared = await openSharedState(settings, {
    changes: store.changes,
    keys: store.keys,
    random: { id: () => `i${++made}` },
    now: Date.now,
    // The machine may be busy: no test here is of the deadline.
    timeout: 5_000,
    patience: 120_000,
    onCondition: () => {},
    onRejected: () => {},
  })
  const lookups: Lookup[] = []
  const reads: string[] = []
  const clock = { now: start }
  const devices = createDeviceStates({
    registrations: {
      async findByKeys(hashes, now) {
        reads.push(hashes.join())
        return store.registrations.findByKeys(hashes, now)
      },
    },
    ...(shared.cache && { cache: shared.cache }),
    onLookup: (lookup) => lookups.push(lookup),
    hotDevices: 1000,
    staleFor: () => 0,
    now: () => clock.now,
    monotonic: () => clock.now,
  })
  const follower = followChanges({
    changes: store.changes,
    notices: shared.notices,
    intervalMs: 2_000_000_000,
    onChange(change) {
      devices.seen(change.sequence)
      if (change.kind === 'registration') devices.drop(change.subject, change)
    },
    onGap: (asOf) => devices.dropAll(asOf),
    onError: t.error,
  })
  await follower.poke()
  t.teardown(async () => {
    follower.close()
    await shared.close()
  })
  return { devices, follower, lookups, reads, clock, shared }
}

async function record(t: Test): Promise<Store> {
  const store = await openSqliteStore(join(t.testdir(), 'record.db'), { now: () => start })
  t.teardown(() => store.close())
  return store
}

/** Forgets its hot copies and what it has learnt to be unknown, as if the process were new. */
async function looks(process: Awaited<ReturnType<typeof gatewayProcess>>, hash: string) {
  process.lookups.length = 0
  process.reads.length = 0
  return process.devices.find([key(hash)])
}

t.test('what one process has read from the record, another finds in the shared cache', async (t) => {
  const store = await record(t)
  await store.registrations.register(registration('r_1'), [key('a')], 10)
  const one = await gatewayProcess(t, store)
  const two = await gatewayProcess(t, store)
  await eventually(async () => {
    one.devices.drop('r_1')
    await looks(one, 'a')
    return one.lookups.includes('hit')
  })
  t.match(await looks(two, 'a'), { registration: { id: 'r_1' } })
  t.strictSame([two.lookups, two.reads], [['hit'], []])
  t.notOk(two.devices.find([key('a')]) instanceof Promise, 'and is hot then')
})

t.test('a block holds in every process that was told of it, hot or cached', async (t) => {
  const store = await record(t)
  await store.registrations.register(registration('r_1'), [key('a')], 10)
  const one = await gatewayProcess(t, store)
  const two = await gatewayProcess(t, store)
  await eventually(async () => {
    await looks(one, 'a')
    return (await one.shared.cache?.find(['a']))?.[0]
  })
  // Before it has caught up it asks the record, and this test would say nothing.
  await eventually(async () => (await two.shared.cache?.find(['a']))?.[0])
  await store.registrations.block('r_1', admin)
  await two.follower.poke()
  t.match(await two.devices.find([key('a')]), { block: { by: 'root' } })
  await one.follower.poke()
  t.match(await one.devices.find([key('a')]), { block: { by: 'root' } })
})

t.test('a notice makes the others look at once', async (t) => {
  const store = await record(t)
  await store.registrations.register(registration('r_1'), [key('a')], 10)
  const one = await gatewayProcess(t, store)
  const two = await gatewayProcess(t, store)
  await two.devices.find([key('a')])
  await store.registrations.block('r_1', admin)
  await eventually(async () => {
    await one.shared.notices.announce()
    return two.follower.asOf === 2
  })
  t.match(await two.devices.find([key('a')]), { block: { by: 'root' } })
})

t.test('a registration ends at once what other processes have cached of its keys as unknown', async (t) => {
  const store = await record(t)
  await store.registrations.register(registration('r_0'), [key('z')], 10)
  const one = await gatewayProcess(t, store)
  const two = await gatewayProcess(t, store)
  await eventually(async () => {
    await one.devices.find([key('a')])
    return (await one.shared.cache?.find(['a']))?.[0] === 'unknown'
  })
  const outcome = await store.registrations.register(registration('r_1'), [key('a')], 10)
  if (outcome.outcome !== 'registered') throw new Error(outcome.outcome)
  await one.devices.registered(outcome.state, [key('a')])
  t.match(await two.devices.find([key('a')]), { registration: { id: 'r_1' } }, 'it has not been told yet')
  t.match(await one.devices.find([key('a')]), { registration: { id: 'r_1' } })
})

t.test('a flood of one made-up id reads the record once in a while, over all processes', async (t) => {
  const store = await record(t)
  await store.registrations.register(registration('r_0'), [key('z')], 10)
  const one = await gatewayProcess(t, store)
  const two = await gatewayProcess(t, store)
  await eventually(async () => {
    await one.devices.find([key('x')])
    return (await one.shared.cache?.find(['x']))?.[0] === 'unknown'
  })
  one.reads.length = 0
  for (let n = 0; n < 1000; n++) {
    one.clock.now += 10
    two.clock.now += 10
    await Promise.all([one.devices.find([key('made-up')]), two.devices.find([key('made-up')])])
  }
  const reads = [...one.reads, ...two.reads]
  t.ok(reads.length <= 4, `${reads.length} reads for 2000 requests in 10 seconds of two processes`)
})

t.test(
  'a flood of ever other ids leaves no more behind than the limit, and known devices alone',
  async (t) => {
    const store = await record(t)
    await store.registrations.register(registration('r_1'), [key('a')], 10)
    const one = await gatewayProcess(t, store)
    await one.devices.find([key('a')])
    const { hot } = one.devices
    for (let n = 0; n < 3000; n += 100) {
      await Promise.all(Array.from({ length: 100 }, (_, m) => one.devices.find([key(`made-up-${n + m}`)])))
    }
    t.strictSame(one.devices.hot, hot)
    t.notOk(one.devices.find([key('a')]) instanceof Promise)
  },
)

t.test('without Redis the record is read, and nobody waits twice', async (t) => {
  const store = await record(t)
  const server = await startRedis(t)
  await store.registrations.register(registration('r_1'), [key('a')], 10)
  const one = await gatewayProcess(t, store, server)
  await server.kill()
  t.match(await looks(one, 'a'), { registration: { id: 'r_1' } })
  t.strictSame(one.reads, ['a'])
  await store.registrations.block('r_1', admin)
  await one.follower.poke()
  t.match(await one.devices.find([key('a')]), { block: { by: 'root' } })
  t.equal(await one.devices.find([key('b')]), undefined)
})

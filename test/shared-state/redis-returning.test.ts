import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { type RedisUnderTest, startRedis } from '../helpers/redis.ts'
import { settled, state } from './contract/device-state-cache.ts'
import { cacheOf, openCache, sharedState, single, twoProcesses } from './redis-under-test.ts'

/** An RDB file of this moment, which the next start reads. */
async function snapshot(redis: RedisUnderTest): Promise<() => void> {
  await redis.cli('SAVE')
  const file = join(redis.folder, 'dump.rdb')
  copyFileSync(file, `${file}.then`)
  return () => copyFileSync(`${file}.then`, file)
}

async function comesBackWithOldStates(t: Test) {
  const redis = await startRedis(t, { lines: ['enable-debug-command yes'] })
  const { cache, other, history } = await openCache(t, single(redis))
  history.add('r_1')
  history.add('r_2')
  await settled(cache, 2)
  await cache.put({ hash: 'a', state: state('r_1', 1), asOf: 2 })
  await cache.put({ hash: 'b', state: state('r_2', 2), asOf: 2 })
  const restore = await snapshot(redis)
  const change = history.tell('r_1')
  await cache.invalidate(...change)
  await other.invalidate(...change)
  return { redis, cache, other, history, restore }
}

t.test('a Redis that comes back with states from before a block does not open the door', async (t) => {
  const { redis, cache, other, restore } = await comesBackWithOldStates(t)
  await redis.kill()
  restore()
  await redis.start()
  for (const one of [cache, other]) {
    await eventually(async () => {
      const [blocked, unchanged] = await one.find(['a', 'b']).catch(() => [])
      t.equal(blocked, undefined)
      return unchanged
    })
  }
  t.match(await redis.cli('EVAL', "return redis.call('DBSIZE')", '0'), /[1-9]/, 'it did come back with them')
})

t.test('a process that starts only then is not let down either', async (t) => {
  const redis = await startRedis(t)
  const installation = 'late'
  const [first, , history] = await twoProcesses(t, single(redis))
  const early = await sharedState(t, { settings: single(redis), history, installation })
  history.add('r_1')
  await settled(cacheOf(early), 1)
  await cacheOf(early).put({ hash: 'a', state: state('r_1', 1), asOf: 1 })
  await cacheOf(early).put({ hash: 'b', state: state('r_2', 1), asOf: 1 })
  const restore = await snapshot(redis)
  await cacheOf(early).invalidate(...history.tell('r_1'))
  await Promise.all([early.close(), first.close()])
  await redis.kill()
  restore()
  await redis.start()
  const late = cacheOf(await sharedState(t, { settings: single(redis), history, installation }))
  await eventually(async () => {
    const [blocked, unchanged] = await late.find(['a', 'b'])
    t.equal(blocked, undefined)
    return unchanged
  })
})

t.test('states that come back under an unbroken connection are found out as well', async (t) => {
  const { redis, cache, restore } = await comesBackWithOldStates(t)
  restore()
  t.equal(await redis.cli('DEBUG', 'RELOAD', 'NOSAVE'), 'OK')
  await eventually(async () => {
    const [blocked, unchanged] = await cache.find(['a', 'b']).catch(() => [])
    t.equal(blocked, undefined)
    return unchanged
  })
})

t.test('a change that is told to a Redis that has gone back does not hide those that it lost', async (t) => {
  const { redis, cache, history, restore } = await comesBackWithOldStates(t)
  restore()
  t.equal(await redis.cli('DEBUG', 'RELOAD', 'NOSAVE'), 'OK')
  await cache.invalidate(...history.tell('r_9'))
  t.strictSame(await cache.find(['a']), [undefined])
  await eventually(async () => {
    const [blocked, unchanged] = await cache.find(['a', 'b'])
    t.equal(blocked, undefined)
    return unchanged
  })
})

t.test(
  'a record that was restored, and has had as many changes since, makes nothing of before count',
  async (t) => {
    const { redis, cache, other, history } = await comesBackWithOldStates(t)
    t.match(await cache.find(['b']), [{ state: { version: 2 } }])
    // Back to the first change; r_2 was registered before and is blocked since.
    history.changes.splice(1)
    for (const subject of ['r_2', 'r_9', 'r_9']) history.add(subject)
    // One that had been told of the changes before finds out by them, a new one by what stands in Redis.
    cache.distrust()
    await settled(cache, 4)
    t.strictSame(await cache.find(['a', 'b']), [undefined, undefined])
    t.strictSame(await other.find(['a', 'b']), [undefined, undefined])
    t.match(await redis.cli('EVAL', "return redis.call('DBSIZE')", '0'), /[1-9]/)
  },
)

t.test('when the record has forgotten what changed meanwhile, no state from before counts', async (t) => {
  const { redis, cache, history, restore } = await comesBackWithOldStates(t)
  history.add('r_9')
  history.oldest = history.changes.length - 1
  await redis.kill()
  restore()
  await redis.start()
  await settled(cache, history.changes.length)
  t.strictSame(await cache.find(['a', 'b']), [undefined, undefined])
})

t.test('a record that was restored from a back-up ends what Redis knows of the time after it', async (t) => {
  const redis = await startRedis(t)
  const { cache, other, history } = await openCache(t, single(redis))
  for (let n = 0; n < 5; n++) history.add('r_1')
  await settled(cache, 5)
  await cache.put({ hash: 'a', state: state('r_1', 5), asOf: 5 })
  history.changes = history.changes.slice(0, 2)
  cache.distrust()
  other.distrust()
  await settled(cache, 2)
  t.strictSame(await cache.find(['a']), [undefined])
  await cache.put({ hash: 'a', state: state('r_1', 1), asOf: 2 })
  t.match(await cache.find(['a']), [{ state: { version: 1 } }])
})

t.test('a flush costs speed, and lets no one put back what has changed since', async (t) => {
  const redis = await startRedis(t)
  const { cache, other, history } = await openCache(t, single(redis))
  history.add('r_1')
  await settled(cache, 1)
  await cache.put({ hash: 'a', state: state('r_1', 1), asOf: 1 })
  await cache.invalidate(...history.tell('r_1'))
  await redis.flush()
  t.strictSame(await cache.find(['a']), [undefined])
  await settled(cache, 2)
  await other.put({ hash: 'a', state: state('r_1', 1), asOf: 1 })
  await other.putUnknown(['c'], 1)
  t.strictSame(await cache.find(['a', 'c']), [undefined, undefined], 'read before the flush')
  await other.put({ hash: 'a', state: state('r_1', 2), asOf: 2 })
  t.match(await cache.find(['a']), [{ state: { version: 2 } }])
})

t.test(
  'after a flush what is signed from then on is taken, what may have been claimed before is not',
  async (t) => {
    const redis = await startRedis(t)
    const [{ nonces }] = await twoProcesses(t, single(redis))
    await eventually(() => nonces.claim('one', 60_000, 0))
    await redis.flush()
    t.equal(await nonces.claim('one', 60_000, 1_000), false)
    await eventually(() => nonces.claim('another', 60_000, 1))
  },
)

t.test('a generation that one process begins holds for the others at once', async (t) => {
  const redis = await startRedis(t)
  const { cache, other, history } = await openCache(t, single(redis))
  history.add('r_1')
  await settled(cache, 1)
  await settled(other, 1)
  await redis.flush()
  await settled(cache, 1)
  await other.put({ hash: 'a', state: state('r_1', 1), asOf: 1 })
  t.match(await cache.find(['a']), [{ state: { version: 1 } }])
})

t.test('everything ends by itself but the position, and since when nonces are remembered', async (t) => {
  const redis = await startRedis(t)
  const [one, , history] = await twoProcesses(t, single(redis))
  history.add('r_1')
  await settled(cacheOf(one), 1)
  await cacheOf(one).put({ hash: 'a', state: state('r_1', 1), asOf: 1 })
  await cacheOf(one).invalidate(...history.tell('r_2'))
  await cacheOf(one).forgetUnknown(['b'], 2)
  await one.nonces.claim('n', 1000)
  await one.counters.hit('c', 1000)
  const names = (await redis.cli('KEYS', '*')).split('\n')
  const lasting = []
  for (const name of names) if ((await redis.cli('PTTL', name)) === '-1') lasting.push(name)
  // Had the first ended, what was signed before the next claim would be refused after a quiet hour.
  t.match(lasting.sort(), [/^gatehouse:\{[^}]+:nonces\}:since$/, /^gatehouse:\{[^}]+\}:position$/])
  t.equal(names.length, 9)
})

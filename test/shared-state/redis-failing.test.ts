import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { reconnectPause } from '../../src/shared-state/redis/client.ts'
import { eventually } from '../helpers/eventually.ts'
import { startRedis } from '../helpers/redis.ts'
import { startTcpProxy } from '../helpers/tcp-proxy.ts'
import { History, settled, state } from './contract/device-state-cache.ts'
import { cacheOf, sharedState, single } from './redis-under-test.ts'

const unavailable = { name: 'SharedStateUnavailable' }

async function behindProxy(t: Test) {
  const redis = await startRedis(t)
  const proxy = await startTcpProxy(t, redis)
  const conditions: (string | true)[] = []
  const history = new History()
  history.add('r_1')
  const shared = await sharedState(t, { settings: single(proxy), conditions, history, timeout: 1_000 })
  const cache = cacheOf(shared)
  await settled(cache, 1)
  await cache.put({ hash: 'a', state: state('r_1', 1), asOf: 1 })
  return { ...shared, redis, proxy, conditions, cache, history }
}

/** Every call fails, in its time; a nonce is never claimed by silence. */
async function allFail(
  t: Test,
  { cache, nonces, counters, notices }: Awaited<ReturnType<typeof behindProxy>>,
) {
  const claim = nonces.claim('n', 60_000)
  await Promise.all([
    t.rejects(cache.find(['a']), unavailable),
    t.rejects(claim, unavailable),
    t.rejects(counters.hit('c', 60_000), unavailable),
    t.rejects(cache.put({ hash: 'b', state: state('r_1', 1), asOf: 1 }), unavailable),
    t.resolves(notices.announce()),
  ])
}

t.test('Redis away: calls fail at once, one word is said; back again: it goes on', async (t) => {
  const given = await behindProxy(t)
  const { redis, cache, nonces, conditions } = given
  await redis.kill()
  await eventually(() => conditions.length > 0)
  await allFail(t, given)
  await redis.start()
  await eventually(() => nonces.claim('m', 60_000))
  await settled(cache, 1)
  t.match(conditions, [/./, true])
})

t.test(
  'Redis that stands still: each call ends at its deadline, then they fail without waiting',
  async (t) => {
    const given = await behindProxy(t)
    const { redis, conditions, cache } = given
    redis.pause()
    await eventually(async () => {
      await cache.find(['a']).catch(() => {})
      return conditions.length > 0
    })
    await allFail(t, given)
    redis.resume()
    await eventually(() => conditions.length === 2)
    await eventually(async () => (await cache.find(['a']))[0])
    t.match(conditions, [/./, true])
  },
)

t.test('a connection that swallows everything is given up', async (t) => {
  const given = await behindProxy(t)
  const { proxy, conditions, nonces } = given
  proxy.hold()
  await allFail(t, given)
  await eventually(() => conditions.length > 0)
  await proxy.restore()
  await eventually(() => nonces.claim('m', 60_000))
})

t.test('Redis that is too slow is not waited for', async (t) => {
  const given = await behindProxy(t)
  given.proxy.delay(3_000)
  await allFail(t, given)
  await given.proxy.restore()
  await eventually(() => given.nonces.claim('m', 60_000))
})

t.test('a change that Redis could not be told of is made good before its states count again', async (t) => {
  const { proxy, cache, history, conditions } = await behindProxy(t)
  await cache.put({ hash: 'b', state: state('r_2', 1), asOf: 1 })
  await proxy.refuse()
  await eventually(() => conditions.length > 0)
  await t.rejects(cache.invalidate(...history.tell('r_1')), unavailable)
  await proxy.restore()
  await eventually(async () => {
    const [changed, unchanged] = await cache.find(['a', 'b']).catch(() => [])
    t.equal(changed, undefined)
    return unchanged
  })
})

t.test('a Redis that is not there at the start is waited for in the background', async (t) => {
  const redis = await startRedis(t)
  await redis.kill()
  const conditions: (string | true)[] = []
  const { nonces, cache } = await sharedState(t, { settings: single(redis), conditions, away: true })
  await eventually(() => conditions.length > 0)
  await t.rejects(nonces.claim('n', 1000), unavailable)
  t.strictSame(await cache?.find(['a']), [undefined], 'the record is asked')
  t.match(conditions, [/ECONNREFUSED/])
  await redis.start()
  await eventually(() => nonces.claim('n', 1000))
  t.match(conditions, [/./, true])
})

t.test('a Redis that has no room left says so, and no nonce is taken for claimed', async (t) => {
  const redis = await startRedis(t, { lines: ['maxmemory-policy noeviction'] })
  const conditions: (string | true)[] = []
  const { nonces } = await sharedState(t, { settings: single(redis), conditions })
  await redis.cli('CONFIG', 'SET', 'maxmemory', '1')
  await t.rejects(nonces.claim('n', 1000), { message: /OOM/ })
  t.match(conditions, [/OOM/])
})

t.test('notices that may have been missed are made up for by one', async (t) => {
  const { proxy, notices } = await behindProxy(t)
  let heard = 0
  notices.onNotice(() => heard++)
  proxy.cut()
  await eventually(() => heard > 0)
})

t.test('pauses between attempts to connect grow to a bound, and chance spreads them', async (t) => {
  t.ok(reconnectPause(1, 0) >= 20)
  t.ok(reconnectPause(1, 1) <= 50)
  t.equal(reconnectPause(1000, 1), 5000)
  t.equal(reconnectPause(1000, 0), 2500)
})

t.test('once closed, nothing is left that keeps the process', async (t) => {
  const { close, conditions } = await behindProxy(t)
  await close()
  await delay(0)
  t.strictSame(conditions, [], 'an end that was asked for is no failure')
})

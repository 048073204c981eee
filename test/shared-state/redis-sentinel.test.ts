import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { startRedisSentinel } from '../helpers/redis.ts'
import { startTcpProxy } from '../helpers/tcp-proxy.ts'
import { settled, state } from './contract/device-state-cache.ts'
import { redisContract } from './contract/redis.ts'
import { openCache, settingsOf, sharedState } from './redis-under-test.ts'

const { name, sentinel, master, replica, failOver } = await startRedisSentinel(t)
const sentinels = [{ host: sentinel.host, port: sentinel.port }]
const settings = settingsOf({ kind: 'sentinel', sentinels, name })
redisContract(t, settings)

t.test(
  'a fail-over that is told while the sentinel is asked for the master: Redis is used again',
  async (t) => {
    const { name, sentinel, master } = await startRedisSentinel(t)
    const proxy = await startTcpProxy(t, sentinel)
    const { nonces, notices } = await sharedState(t, {
      settings: settingsOf({ kind: 'sentinel', sentinels: [proxy], name }),
    })
    let heard = 0
    notices.onNotice(() => {
      heard++
    })
    await eventually(() => nonces.claim('before', 60_000))
    await eventually(async () => (await sentinel.cli('CLIENT', 'LIST')).match(/ sub=1 /g)?.length === 2)
    // The question of both connections, for calls and for notices, is under way; what was subscribed to goes on.
    proxy.holdNew()
    await master.cli('CLIENT', 'KILL', 'TYPE', 'normal')
    await master.cli('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await eventually(() => proxy.held >= 2)
    await sentinel.cli('SENTINEL', 'FAILOVER', name)
    await eventually(async () => {
      const known = await sentinel.cli('SENTINEL', 'MASTER', name)
      return !known.includes(master.host) && !known.includes('failover_in_progress')
    })
    await proxy.restore()
    t.ok(await eventually(() => nonces.claim('after', 60_000)))
    heard = 0
    t.ok(
      await eventually(async () => {
        await notices.announce()
        return heard > 0
      }),
      'and notices are heard',
    )
  },
)

t.test('a sentinel that stands still is passed over', async (t) => {
  const { name, sentinel } = await startRedisSentinel(t)
  const still = await startTcpProxy(t, sentinel)
  still.hold()
  const sentinels = [still, sentinel]
  const { nonces } = await sharedState(t, {
    settings: settingsOf({ kind: 'sentinel', sentinels, name }),
    timeout: 250,
  })
  t.ok(await eventually(() => nonces.claim('n', 60_000)))
})

t.test('a replica that had not heard of the last block becomes the master: the block holds', async (t) => {
  const conditions: (string | true)[] = []
  const { cache, other, history } = await openCache(t, settings)
  const { nonces } = await sharedState(t, { settings, conditions })
  history.add('r_1')
  history.add('r_2')
  await settled(cache, 2)
  await cache.put({ hash: 'a', state: state('r_1', 1), asOf: 2 })
  await cache.put({ hash: 'b', state: state('r_2', 2), asOf: 2 })
  await cache.find(['a'])
  await eventually(async () => {
    const [offset, seen] = await Promise.all(
      [master, replica].map(async (one) => /master_repl_offset:(\d+)/.exec(await one.cli('INFO'))?.[1]),
    )
    return offset === seen
  })
  // From here on the replica hears nothing more, and does not know.
  replica.pause()
  await cache.invalidate(...history.tell('r_1'))
  t.strictSame(await cache.find(['a']), [undefined])
  await master.kill()
  replica.resume()
  await failOver()
  t.strictSame(
    await cache.find(['a']).catch(() => [undefined]),
    [undefined],
    'the process that was told of the block',
  )
  await eventually(async () => (await cache.find(['b']))[0] !== undefined)
  t.strictSame(await cache.find(['a']), [undefined])
  await eventually(async () => (await other.find(['b']))[0] !== undefined)
  t.strictSame(await other.find(['a']), [undefined], 'and any other')
  await eventually(() => nonces.claim('after', 1000))
  t.match(conditions, [/./, true], 'one word when it went, one when it came back')
})

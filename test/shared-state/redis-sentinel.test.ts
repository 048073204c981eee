import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { startRedisSentinel } from '../helpers/redis.ts'
import { settled, state } from './contract/device-state-cache.ts'
import { redisContract } from './contract/redis.ts'
import { openCache, settingsOf, sharedState } from './redis-under-test.ts'

const { name, sentinel, master, replica, failOver } = await startRedisSentinel(t)
const sentinels = [{ host: sentinel.host, port: sentinel.port }]
const settings = settingsOf({ kind: 'sentinel', sentinels, name })
redisContract(t, settings)

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
  await eventually(async () => (await cache.find(['b']))[0] !== undefined, 20_000)
  t.strictSame(await cache.find(['a']), [undefined])
  await eventually(async () => (await other.find(['b']))[0] !== undefined, 20_000)
  t.strictSame(await other.find(['a']), [undefined], 'and any other')
  await eventually(() => nonces.claim('after', 1000), 20_000)
  t.match(conditions, [/./, true], 'one word when it went, one when it came back')
})

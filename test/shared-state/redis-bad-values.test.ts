import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { startRedis } from '../helpers/redis.ts'
import { History, settled, state } from './contract/device-state-cache.ts'
import { cacheOf, sharedState, single } from './redis-under-test.ts'

const redis = await startRedis(t)
let installations = 0

/** A cache with the state `a` of `r_1`, and the names of the keys that hold it. */
async function filled(t: import('tap').Test) {
  const installation = `bad-${++installations}`
  const rejected: string[] = []
  const conditions: (string | true)[] = []
  const history = new History()
  const shared = await sharedState(t, {
    settings: single(redis),
    installation,
    history,
    rejected,
    conditions,
    timeout: 20_000,
  })
  const cache = cacheOf(shared)
  history.add('r_1')
  await settled(cache, 1)
  const put = () => cache.put({ hash: 'a', state: state('r_1', 1), asOf: 1 })
  await put()
  const position = `gatehouse:{${installation}}:position`
  const base = `gatehouse:{${installation}}:${await redis.cli('HGET', position, 'generation')}:`
  return {
    ...shared,
    cache,
    rejected,
    conditions,
    put,
    position,
    noncesSince: `gatehouse:{${installation}:nonces}:since`,
    history,
    key: `${base}k:a`,
    state: `${base}s:r_1`,
  }
}

t.test('values that do not parse count for nothing, are counted, and are written anew', async (t) => {
  const good = JSON.stringify(state('r_1', 1))
  const wrong = {
    'no JSON': ['state', '1:{"version":1'],
    'no version': ['state', 'blue'],
    'a version that keeps every other out': ['state', '999999999999:{}'],
    'a further field': ['state', `1:${good.replace('{', '{"admin":true,')}`],
    'a field of the wrong type': ['state', `1:${good.replace('"user":"ann"', '"user":["ann"]')}`],
    'another version': ['state', `1:${good.replace('"version":1', '"version":7')}`],
    'another registration': ['state', `1:${good.replace('"id":"r_1"', '"id":"r_2"')}`],
    'a key that means nothing': ['key', 'r_1'],
    'a key with a version that is none': ['key', '=one::r_1'],
  } as const
  for (const [name, [which, value]] of Object.entries(wrong)) {
    const { cache, rejected, put, ...names } = await filled(t)
    t.match(await cache.find(['a']), [{ state: { version: 1 } }])
    await redis.cli('SET', names[which], value)
    t.strictSame(await cache.find(['a']), [undefined], name)
    t.strictSame(rejected, ['malformed'], name)
    await eventually(async () => {
      await put()
      return (await cache.find(['a']))[0]
    })
  }
})

t.test('keys of another type are somebody else’s: left alone, and said once', async (t) => {
  const { cache, rejected, conditions, put, ...names } = await filled(t)
  await redis.cli('DEL', names.state)
  await redis.cli('RPUSH', names.state, 'mine')
  t.strictSame(await cache.find(['a']), [undefined])
  await put()
  t.strictSame(await cache.find(['a']), [undefined])
  t.strictSame(rejected, ['wrong-type', 'wrong-type'])
  t.match(conditions, [/another type/])
  t.equal(await redis.cli('LRANGE', names.state, '0', '-1'), 'mine')
})

t.test('a position of another type: the record is asked, and it is said', async (t) => {
  const { cache, conditions, position } = await filled(t)
  await redis.cli('DEL', position)
  await redis.cli('SET', position, 'mine')
  await t.rejects(cache.find(['a']), { name: 'SharedStateUnavailable', message: /WRONGTYPE/ })
  t.match(conditions, [/another type/])
  t.equal(await redis.cli('GET', position), 'mine')
})

t.test(
  'since when nonces are remembered is of another type: nobody is believed, and it is said',
  async (t) => {
    const { nonces, conditions, noncesSince } = await filled(t)
    await eventually(() => redis.cli('GET', noncesSince))
    await redis.cli('DEL', noncesSince)
    await redis.cli('RPUSH', noncesSince, 'mine')
    await t.rejects(nonces.claim('n', 10_000, 0), { name: 'SharedStateUnavailable', message: /WRONGTYPE/ })
    t.match(conditions, [/another type/])
    t.equal(await redis.cli('LRANGE', noncesSince, '0', '-1'), 'mine')
  },
)

t.test('a position that makes no sense begins anew', async (t) => {
  for (const field of ['sequence', 'since', 'generation']) {
    const { cache, position, put } = await filled(t)
    if (field === 'generation') await redis.cli('HDEL', position, field)
    else await redis.cli('HSET', position, field, 'far')
    t.strictSame(await cache.find(['a']), [undefined])
    await settled(cache, 1)
    t.strictSame(await cache.find(['a']), [undefined])
    await put()
    t.match(await cache.find(['a']), [{ state: { version: 1 } }])
  }
})

t.test('two installations on one Redis never meet', async (t) => {
  const one = await filled(t)
  const two = await filled(t)
  await redis.cli('DEL', two.key)
  t.match(await one.cache.find(['a']), [{ state: {} }])
  t.strictSame(await two.cache.find(['a']), [undefined])
  t.equal(await one.nonces.claim('n', 10_000), true)
  t.equal(await two.nonces.claim('n', 10_000), true)
  await one.counters.hit('c', 10_000)
  t.equal(await two.counters.hit('c', 10_000), 1)
  let heard = 0
  let heardOther = 0
  one.notices.onNotice(() => heard++)
  two.notices.onNotice(() => heardOther++)
  await eventually(async () => {
    await one.notices.announce()
    return heard > 0
  })
  t.equal(heardOther, 0)
  await eventually(async () => {
    await two.notices.announce()
    return heardOther > 0
  })
})

t.test('scripts that Redis has forgotten are given to it again', async (t) => {
  const { cache } = await filled(t)
  await redis.cli('SCRIPT', 'FLUSH')
  t.match(await cache.find(['a']), [{ state: {} }])
})

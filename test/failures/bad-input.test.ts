import { readFileSync, writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { wifi } from '../helpers/chat.ts'
import { eventually } from '../helpers/eventually.ts'
import { postgresServer } from '../helpers/postgres.ts'
import { type RedisUnderTest, startRedis } from '../helpers/redis.ts'
import { installation } from '../operations/support.ts'
import { chat, isUnwell, isWell, knownDevice, messages, site, stranger } from './support.ts'

const nowhere = 'http://127.0.0.1:9'

const wrong: Readonly<Record<string, readonly [string, number, RegExp]>> = {
  'a record of a kind that there is not': [
    'store: mysql://db.internal/gatehouse',
    2,
    /gatehouse\.yaml:\d+.*store.*must be sqlite: /,
  ],
  'a Redis of a kind that there is not': [
    'redis: http://cache.internal',
    2,
    /gatehouse\.yaml:\d+.*redis.*must be redis:\/\/HOST:PORT/,
  ],
  'a database where nobody listens': [
    'store: postgres://gatehouse@127.0.0.1:9/gatehouse',
    1,
    /postgres:\/\/gatehouse@127\.0\.0\.1:9\/gatehouse.*ECONNREFUSED/,
  ],
}

t.test('settings that cannot work are told at the start, with where and what', async (t) => {
  for (const [what, [line, code, words]] of Object.entries(wrong)) {
    const one = await installation(t, { upstream: nowhere, gateway: '  processes: 2' })
    const text = readFileSync(one.settingsFile, 'utf8').replace(
      'store: sqlite:record.db',
      line.startsWith('store') ? line : `store: sqlite:record.db\n${line}`,
    )
    writeFileSync(one.settingsFile, text)
    const result = await one.gatehouse('run')
    t.equal(result.code, code, what)
    t.match(result.stderr, words, what)
  }
})

t.test('a Redis with another password: the gateway runs by the record, and says why', async (t) => {
  const redis = await startRedis(t, { password: 'right' })
  const one = await installation(t, {
    upstream: nowhere,
    gateway: '  processes: 2',
    settings: `redis: { url: "${redis.url}", password: { env: REDIS_PASSWORD } }`,
    env: { REDIS_PASSWORD: 'wrong-and-secret' },
  })
  const gateway = await one.start()
  await isUnwell(gateway, 'redis')
  t.match((await gateway.ready()).parts.redis?.detail, /WRONGPASS|NOAUTH|invalid/)
  t.equal((await messages(gateway, stranger)).status, 403)
  t.notMatch(JSON.stringify(gateway.log), /wrong-and-secret/)
  await redis.cli('CONFIG', 'SET', 'requirepass', 'wrong-and-secret')
  await isWell(gateway, 'redis')
})

/** Two processes on SQLite with a Redis, and a device that they know. */
async function withRedis(t: Test) {
  const one = await site(t, { postgres: false, limits: 'recordTimeout: 5s' })
  return { ...one, cookie: await knownDevice(one) }
}

/** Replaces the keys with such names at once, so that nobody writes in between. */
function replaceKeys(redis: RedisUnderTest, pattern: string, command: string): Promise<string> {
  const script = `local names = redis.call('KEYS', ARGV[1])
    for _, name in ipairs(names) do redis.call('DEL', name) ${command} end
    return #names`
  return redis.cli('EVAL', script, '0', pattern)
}

t.test('keys of another type under our names: the gateway goes on by the record, and says so', async (t) => {
  const { first, redis, cookie } = await withRedis(t)
  t.match(await replaceKeys(redis, 'gatehouse:*:position', "redis.call('SET', name, 'mine')"), /1/)
  const [, position = ''] = /^(gatehouse:.*:position)$/m.exec(await redis.cli('KEYS', '*')) ?? []
  await eventually(async () => {
    t.equal((await messages(first, stranger)).status, 403)
    return (await first.ready()).parts.redis?.ok === false
  })
  const { status, parts } = await first.ready()
  t.equal(status, 200)
  t.match(parts.redis?.detail, /another type/)
  for (let n = 0; n < 6; n++) t.equal((await messages(first, cookie)).status, 200)
  const fresh = await first.signIn(wifi, { user: 'bob' })
  t.equal((await messages(first, fresh.cookies.join('; '))).status, 200)
  t.equal(await redis.cli('GET', position), 'mine', 'what is not ours is left alone')
})

t.test('values in Redis that mean nothing are counted, and the record is read', async (t) => {
  const { machines, redis } = await site(t, { machines: 2, limits: 'recordTimeout: 5s' })
  const [one, two] = machines
  if (one === undefined || two === undefined) throw new Error('two machines')
  const metric = 'gatehouse_redis_values_rejected_total{why="malformed"}'
  // The other machine has no copy of its own. It believes Redis from when it has followed the changes that stand there.
  await eventually(async () => {
    const cookie = (await one.gateway.signIn(wifi)).cookies.join('; ')
    t.equal((await messages(one.gateway, cookie)).status, 200)
    const garbage = "redis.call('SET', name, '1:{\"admin\":', 'PX', 60000)"
    await eventually(async () => Number(/\d+/.exec(await replaceKeys(redis, '*:s:*', garbage))?.[0]) > 0)
    for (let n = 0; n < 4; n++) t.equal((await messages(two.gateway, cookie)).status, 200)
    return Number(await two.gateway.metric(metric)) > 0
  })
  t.equal((await messages(two.gateway, stranger)).status, 403)
})

t.test('two installations on one Redis: what one knows means nothing to the other', async (t) => {
  const { first, redis, cookie } = await withRedis(t)
  const two = await installation(t, {
    upstream: await chat(t),
    settings: `redis: "${redis.url}"`,
  })
  const other = await two.start()
  t.equal((await messages(other, cookie)).status, 403)
  const others = (await other.signIn(wifi)).cookies.join('; ')
  t.equal((await messages(other, others)).status, 200)
  t.equal((await messages(first, others)).status, 403)
  t.equal((await messages(first, cookie)).status, 200)
  const positions = (await redis.cli('KEYS', 'gatehouse:*:position')).split('\n')
  t.equal(new Set(positions).size, 2)
  t.match((await two.gatehouse('doctor', '--network')).stdout, /ok +redis: answers, version/)
})

t.test(
  'a wrong password of PostgreSQL is told at the start and by the doctor, without repeating it',
  async (t) => {
    const postgres = await postgresServer(t, { password: 'right' })
    const database = await postgres.createDatabase()
    process.env.DATABASE_PASSWORD = 'wrong-and-secret'
    const one = await installation(t, {
      upstream: nowhere,
      gateway: '  processes: 2',
      store: `{ url: "${database}", password: { env: DATABASE_PASSWORD } }`,
    })
    for (const command of ['run', 'doctor']) {
      const { code, stdout, stderr } = await one.gatehouse(command)
      t.equal(code, 1, command)
      t.match(stdout + stderr, /password authentication failed/, command)
      t.match(stdout + stderr, database.replace(/^postgres:\/\//, ''), `${command} says where`)
      t.notMatch(stdout + stderr, /wrong-and-secret/)
    }
  },
)

t.test('the doctor tells a wrong password of Redis', async (t) => {
  const redis = await startRedis(t, { password: 'right' })
  process.env.REDIS_PASSWORD = 'wrong-and-secret'
  const one = await installation(t, {
    upstream: nowhere,
    settings: `redis: { url: "${redis.url}", password: { env: REDIS_PASSWORD } }`,
  })
  const { code, stdout } = await one.gatehouse('doctor', '--network')
  t.equal(code, 1)
  t.match(stdout, /fail +redis: .*WRONGPASS/)
  t.notMatch(stdout, /wrong-and-secret/)
})

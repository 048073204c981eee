import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { startRedis } from '../helpers/redis.ts'
import { installation } from '../operations/support.ts'
import { isUnwell, isWell, messages, stranger } from './support.ts'

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

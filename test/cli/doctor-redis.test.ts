import t, { type Test } from 'tap'
import type { Finding } from '../../src/cli/doctor/finding.ts'
import { type RedisOptions, startRedis } from '../helpers/redis.ts'
import { installation, json, plainSettings } from './support.ts'

async function findings(t: Test, options: RedisOptions, ...args: string[]) {
  const redis = await startRedis(t, options)
  const settings = `${plainSettings}\nredis: { url: "${redis.url}", username: gh, password: { env: REDIS_PASSWORD } }\n`
  const one = installation(t, { settings })
  await one.openStore()
  process.env.REDIS_PASSWORD = 'hush'
  const result = await one.gatehouse('doctor', '--json', ...args)
  const found: Finding[] = json(result).findings
  return { redis, told: found.filter(({ about }) => about === 'redis') }
}

const all = 'on >hush ~gatehouse:* &gatehouse:* +@all'

t.test('a Redis in order is found so, and nothing is left in it', async (t) => {
  const { redis, told } = await findings(t, { users: { gh: all } }, '--network')
  t.match(told, [
    { level: 'ok', message: /version 7/ },
    { level: 'ok', message: /allows/ },
    { message: /answers within/ },
    { level: 'ok', message: /never evicts/ },
  ])
  t.notMatch(await redis.cli('KEYS', '*position*'), /gatehouse/)
})

t.test('Redis is asked only with --network', async (t) => {
  t.match((await findings(t, { users: { gh: all } })).told, [{ level: 'ok', message: /not asked/ }])
})

t.test('permissions that are missing, and a policy that forgets nonces, are told', async (t) => {
  const { told } = await findings(
    t,
    { users: { gh: `${all} -publish -info` }, lines: ['maxmemory-policy allkeys-lru'] },
    '--network',
  )
  t.match(told, [
    { level: 'warn', message: /version/ },
    { level: 'fail', message: /NOPERM.*publish/, advice: /\+publish/ },
    {},
    { level: 'warn', message: /eviction policy/ },
  ])
  const evicting = await findings(
    t,
    { users: { gh: all }, lines: ['maxmemory-policy allkeys-lru'] },
    '--network',
  )
  t.match(evicting.told[3], { level: 'warn', message: /allkeys-lru.*replayed/ })
})

t.test('a wrong password is told without repeating it', async (t) => {
  const { told } = await findings(t, { users: { gh: 'on >other ~* +@all' } }, '--network')
  t.match(told, [{ level: 'fail', message: /WRONGPASS/ }])
  t.notMatch(JSON.stringify(told), /hush/)
})

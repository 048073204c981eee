import { join } from 'node:path'
import t from 'tap'
import { Secret } from '../../src/settings/secret.ts'
import { aclRules } from '../../src/shared-state/redis/acl.ts'
import { certificates } from '../helpers/certificates.ts'
import { eventually } from '../helpers/eventually.ts'
import { startRedis } from '../helpers/redis.ts'
import { redisContract } from './contract/redis.ts'
import { settingsOf, sharedState } from './redis-under-test.ts'

const redis = await startRedis(t, {
  tls: true,
  password: 'root',
  users: { gatehouse: `on >hush -@all ${aclRules}` },
})
const { folder } = await certificates(t)
const ca = [join(folder, 'ca.crt')]
const server = { kind: 'single', host: redis.host, port: redis.port } as const
const password = new Secret('hush', { env: 'X' })
const settings = settingsOf(server, {
  username: 'gatehouse',
  password,
  tls: { ca, verify: 'full', serverName: 'localhost' },
})

redisContract(t, settings)

t.test('a wrong password, a wrong name and an unknown authority are said, and no secret is', async (t) => {
  const wrong = [
    { ...settings, password: new Secret('guess', { env: 'X' }) },
    { ...settings, tls: { ca, verify: 'full' as const, serverName: 'cache.example.com' } },
    { ...settings, tls: { ca: [], verify: 'ca' as const } },
  ]
  const told = []
  for (const one of wrong) {
    const conditions: (string | true)[] = []
    const { nonces } = await sharedState(t, { settings: one, conditions, away: true })
    await eventually(() => conditions.length > 0)
    await t.rejects(nonces.claim('a', 1000), { name: 'SharedStateUnavailable' })
    told.push(conditions)
  }
  t.match(told, [[/WRONGPASS/], [/cache.example.com/], [/certificate/]])
  t.notMatch(JSON.stringify(told), /hush|guess/)
})

t.test('any name of the authority’s own certificates will do when the settings say so', async (t) => {
  const { nonces } = await sharedState(t, { settings: { ...settings, tls: { ca, verify: 'ca' } } })
  t.equal(await nonces.claim('a', 1000), true)
})

import { join } from 'node:path'
import tls, { type TLSSocket } from 'node:tls'
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

t.test(
  'a connection that fails twice, by its certificate and by an alert behind it, ends no process',
  async (t) => {
    const sockets: TLSSocket[] = []
    const { connect } = tls
    t.teardown(() => {
      tls.connect = connect
    })
    // The driver's own way to a socket: when an alert comes is the server's to say.
    tls.connect = ((...options: Parameters<typeof connect>) => {
      const socket = connect(...options)
      sockets.push(socket)
      return socket
    }) as typeof connect
    const { host, port } = redis
    for (const server of [
      { kind: 'single', host, port },
      { kind: 'cluster', nodes: [{ host, port }] },
    ] as const) {
      sockets.length = 0
      await sharedState(t, { settings: { ...settings, server, tls: { ca: [], verify: 'ca' } }, away: true })
      // The driver has one more of a cluster, by which it hears of other nodes: that one is its own.
      const refused = await eventually(() =>
        sockets.find((socket) => socket.errored !== null && socket.listenerCount('error') > 0),
      )
      t.ok(refused.emit('error', new Error('tlsv1 alert decode error')), 'somebody listens')
      t.ok(refused.emit('error', new Error('another')))
    }
  },
)

t.test('any name of the authority’s own certificates will do when the settings say so', async (t) => {
  const { nonces } = await sharedState(t, { settings: { ...settings, tls: { ca, verify: 'ca' } } })
  t.equal(await nonces.claim('a', 1000), true)
})

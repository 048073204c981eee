import t, { type Test } from 'tap'
import { effectiveSettings } from '../../src/settings/effective.ts'
import { gateway, loadGood, mistakes, services, store } from './settings-file.ts'

const lines = (redis: string) => [gateway, services, store, `redis: ${redis}`]
const options = { files: { password: 'hush\n' } }
const good = (t: Test, redis: string) => loadGood(t, lines(redis), options).redis

t.test('no Redis, and a URL with every default', async (t) => {
  t.equal(good(t, 'null'), undefined)
  t.strictSame(good(t, 'redis://cache.internal'), {
    server: { kind: 'single', host: 'cache.internal', port: 6379 },
    database: 0,
    keepStates: 600_000,
    keepUnknown: 5_000,
  })
  t.match(good(t, 'rediss://gatehouse@[fd00::1]:6380/3'), {
    server: { kind: 'single', host: 'fd00::1', port: 6380 },
    database: 3,
    username: 'gatehouse',
    tls: { ca: [], verify: 'full' },
  })
})

t.test('Sentinel, Cluster, a user, a password in a file, TLS with an authority', async (t) => {
  t.match(good(t, '{ sentinels: ["s1:26379", "[::1]:26380"], name: cache, keepStates: 1m }'), {
    server: {
      kind: 'sentinel',
      name: 'cache',
      sentinels: [
        { host: 's1', port: 26379 },
        { host: '::1', port: 26380 },
      ],
    },
    keepStates: 60_000,
  })
  const cluster = good(
    t,
    '{ cluster: ["c1:7000"], username: gh, password: { file: password }, tls: { ca: [ca.crt], verify: ca } }',
  )
  t.match(cluster, { server: { kind: 'cluster', nodes: [{ host: 'c1', port: 7000 }] }, username: 'gh' })
  t.equal(cluster?.password?.reveal(), 'hush')
  t.match(cluster?.tls, { ca: [/^\/.*ca\.crt$/], verify: 'ca' })
})

t.test('what cannot be meant is refused in words', async (t) => {
  const one = (redis: string) => mistakes(t, lines(redis), options)
  t.match(one('cache.internal:6379'), [/redis: `url` must be redis:\/\/HOST:PORT/])
  t.match(one('http://cache.internal'), [/must be redis:/])
  t.match(one('redis://cache.internal:70000'), [/port between 1 and 65535/])
  t.match(one('redis://cache.internal?db=1'), [/nothing after a `\?`/])
  t.match(one('{ url: "redis://a", cluster: ["b:1"] }'), [/only one/])
  t.match(one('{ username: a }'), [/needs one of/])
  t.match(one('{ sentinels: ["a:1"] }'), [/belong together/])
  t.match(one('{ url: "redis://a", tls: {} }'), [/rediss:/])
  t.match(one('{ url: "redis://a@b", username: c }'), [/twice/])
  t.match(one('{ cluster: [a] }'), [/a host and a port/])
  t.match(one('{ url: "redis://a", colour: blue }'), [/colour: unknown key/])
  t.match(one('{ url: "redis://a", password: hush }'), [/must be \{ env: NAME \} or \{ file: PATH \}/])
  t.match(one('7'), [/must be empty, redis:/])
})

t.test('a password in the URL is refused and not repeated', async (t) => {
  for (const url of ['redis://:sesame@cache', 'redis://gh:sesame@cache:1/2', 'rediss://gh:ses@me:x@cache']) {
    const told = mistakes(t, lines(url), options)
    t.match(told, [/has a password in it/])
    t.notMatch(told.join(), /sesame|ses@me/)
  }
})

t.test('the effective settings show it, and read again are the same', async (t) => {
  for (const redis of [
    'null',
    'rediss://gh@cache.internal:6380/2',
    '{ sentinels: ["s1:26379"], name: cache, password: { file: password } }',
    '{ cluster: ["c1:7000", "[::1]:7001"], keepUnknown: 2s }',
  ]) {
    const settings = loadGood(t, lines(redis), options)
    const shown = effectiveSettings(settings)
    t.notMatch(shown, /hush/)
    const again = loadGood(t, shown.split('\n'), options)
    t.strictSame(plain(again.redis), plain(settings.redis))
  }
})

/** Without what is not shown: the secret. */
function plain(value: unknown): unknown {
  return value === undefined ? value : JSON.parse(JSON.stringify(value))
}

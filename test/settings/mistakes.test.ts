import t from 'tap'
import { gateway, mail, mistakes, services, store } from './settings-file.ts'

function service(more: string): string[] {
  return [gateway, 'services:', `  - ${mail.replace(' }', `, ${more} }`)}`, store]
}

t.test('a mistake is told with its line, column, key and what is allowed', async (t) => {
  t.strictSame(mistakes(t, [gateway, services, store, 'limits:', '  headerTimeout: 10']), [
    '5:18 limits.headerTimeout: must be a duration such as 500ms, 10s, 5m, 1h or 7d',
  ])
  // Longer than a timer holds, which would be over at once.
  t.strictSame(mistakes(t, [gateway, services, store, 'limits:', '  upgradeIdleTimeout: 30d']), [
    '5:23 limits.upgradeIdleTimeout: must be 24d at most',
  ])
  t.match(mistakes(t, [gateway, services, store, 'log: { level: verbose }']), [
    /^4:15 log\.level: must be one of trace, debug, info, warn, error, fatal, silent, not "verbose"/,
  ])
})

t.test('for a misspelt name the nearest right one is given', async (t) => {
  t.match(mistakes(t, [gateway, services, store, 'limits: { headerTimout: 10s }']), [
    /^4:11 limits\.headerTimout: unknown key\. Did you mean headerTimeout\?/,
  ])
  t.match(mistakes(t, service('mode: enforced')), [/services\[0\]\.mode: .*did you mean enforce\?/])
  t.match(mistakes(t, [gateway, services, store, 'managment: {}']), [/Did you mean management\?/])
})

t.test('all mistakes are told at once, in the order of the lines', async (t) => {
  const found = mistakes(t, [
    'gateway: { listen: [8443], proxyProtocol: maybe }',
    'services:',
    '  - { name: "a b", hosts: ["https://x.example.com"], upstream: ["https://x/path"], client: outlook }',
    'store: mysql://x',
    'limits: { maxConections: 5 }',
  ])
  t.match(found, [
    /^1:21 gateway\.listen\[0\]: must be an address and a port/,
    /^1:43 gateway\.proxyProtocol: must be true or false/,
    /^3:13 services\[0\]\.name/,
    /^3:28 services\[0\]\.hosts\[0\]: must be a host name without scheme/,
    /^3:65 services\[0\]\.upstream\[0\]: .*without path/,
    /^3:92 services\[0\]\.client: must be one of browser, activesync, lync, matrix, bearer, generic/,
    /^4:8 store: must be sqlite:/,
    /^5:11 limits\.maxConections: unknown key/,
  ])
  t.equal(found.length, 8)
})

t.test('what must be there and is not is named', async (t) => {
  t.match(mistakes(t, ['gateway: {}', 'services: []']), [
    /^1:1 store: is missing: sqlite: and the path of a file/,
    /^1:10 gateway\.listen: is missing: a list/,
    /^2:11 services: must be at least 1/,
  ])
})

t.test('a Redis that is none is told', async (t) => {
  t.match(mistakes(t, [gateway, services, store, 'redis: "http://cache.internal:6379"']), [
    /4:8 redis: `url` must be redis:/,
  ])
  t.strictSame(mistakes(t, [gateway, services, store, 'redis: null']), [])
})

t.test('a record that would be forgotten is refused', async (t) => {
  for (const address of [
    '"sqlite::memory:"',
    '"sqlite:"',
    'sqlite:///var/lib/gatehouse.db',
    'gatehouse.db',
  ]) {
    t.match(mistakes(t, [gateway, services, `store: ${address}`]), [/must be sqlite: and the path/], address)
  }
})

t.test('an upstream has no path, query or user name of its own', async (t) => {
  const bad = [
    'https://x/a',
    'https://x?q',
    'https://u:p@x',
    'ftp://x',
    'x.internal',
    'https:/x',
    'http://x\\\\y',
    'https://x:99999',
  ]
  for (const upstream of bad) {
    const lines = [gateway, 'services:', `  - ${mail.replace('https://exchange.internal', upstream)}`, store]
    t.match(mistakes(t, lines), [/upstream\[0\]: must be http/], upstream)
  }
})

t.test('a host is a name alone', async (t) => {
  for (const host of [
    'mail.example.com:443',
    'https://mail',
    'mail/x',
    'a..b',
    '-a',
    '*',
    '*.*.example.com',
    'a*.example.com',
    '""',
  ]) {
    const lines = [
      gateway,
      'services:',
      `  - ${mail.replace('mail.example.com', JSON.stringify(host.replaceAll('"', '')))}`,
      store,
    ]
    t.match(mistakes(t, lines), [/hosts\[0\]: must be a host name/], host)
  }
})

t.test('a listener has a scheme, an address and a port', async (t) => {
  for (const listen of [
    '127.0.0.1:80',
    'http://127.0.0.1',
    'http://0.0.0.0:65536',
    'http://example.com:80',
    'http://300.0.0.1:80',
    'http://[::g]:80',
    'tcp://127.0.0.1:80',
    'http://127.0.0.1:80/',
  ]) {
    t.match(
      mistakes(t, [`gateway: { listen: ["${listen}"] }`, services, store]),
      [/listen\[0\]: must be an address and a port/],
      listen,
    )
  }
})

t.test('upgrades that lead past the gateway’s decisions cannot be allowed', async (t) => {
  for (const upgrade of ['h2c', 'H2C', 'TLS/1.0', 'tls', 'HTTP/2.0', 'connect-udp']) {
    t.match(mistakes(t, service(`upgrades: [${upgrade}]`)), [/upgrades\[0\]: opens a way past/], upgrade)
  }
})

t.test('CONNECT and TRACE cannot be allowed', async (t) => {
  const lines = [gateway, services, store, 'limits: { methods: [GET, CONNECT, TRACE, get] }']
  t.match(mistakes(t, lines), [
    /methods\[1\]: CONNECT and TRACE/,
    /methods\[2\]: CONNECT/,
    /methods\[3\]: .*capital/,
  ])
})

t.test('a path that no request can have is told why', async (t) => {
  t.match(mistakes(t, service('public: [healthcheck, "/a/../b", "/a?b"]')), [
    /public\[0\]: .*begins with \//,
    /public\[1\]: .*dot segments/,
    /public\[2\]: .*leave out \?/,
  ])
})

t.test('a value is read from exactly one place of a request', async (t) => {
  const signIn = (user: string) => {
    const block = `signIn: { path: /login, user: ${user}, success: { status: [302] } }`
    return [gateway, 'services:', `  - ${mail.replace('activesync', `browser, ${block}`)}`, store]
  }
  t.match(mistakes(t, signIn('{}')), [/signIn\.user: must name exactly one of header, query, cookie/])
  t.match(mistakes(t, signIn('{ form: a, json: b }')), [/must name exactly one/])
  t.match(mistakes(t, signIn('{ basic: false }')), [/basic: must be true/])
  t.strictSame(mistakes(t, signIn('{ form: a }')), [])
})

t.test('signature algorithms without public keys do not exist', async (t) => {
  for (const algorithm of ['none', 'HS256']) {
    const bearer = `bearer: { issuer: "https://a", audience: [b], device: d, algorithms: [${algorithm}] }`
    const lines = [gateway, 'services:', `  - ${mail.replace('activesync', `bearer, ${bearer}`)}`, store]
    t.match(mistakes(t, lines), [/algorithms\[0\]: must be one of RS256/])
  }
})

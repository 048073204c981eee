import { chmodSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { loadSettings } from '../../src/settings/load.ts'
import { gateway, load, loadGood, mail, services, settingsFile, store } from './settings-file.ts'

t.test('a short file is enough: everything else has a default', async (t) => {
  const settings = loadGood(t, [gateway, services, store])
  t.strictSame(settings.gateway, {
    listen: [{ scheme: 'http', host: '127.0.0.1', port: 8080 }],
    processes: 'auto',
    trustedProxies: [],
    forwarded: 'x-forwarded-for',
    proxyProtocol: false,
    hosts: [],
    pseudonym: 'gatehouse',
  })
  t.strictSame(settings.services[0], {
    name: 'mail',
    hosts: ['mail.example.com'],
    upstream: [new URL('https://exchange.internal')],
    mode: 'enforce',
    public: [],
    paths: { encodedSlash: false, parameters: false, caseInsensitive: false },
    upgrades: ['websocket'],
    origins: [],
    allowFields: [],
    hostHeader: 'client',
    upstreamTls: { ca: [], verify: true },
    maxBody: 1024 ** 3,
    hsts: false,
    client: { kind: 'activesync' },
  })
  t.strictSame(settings.management, { listen: { scheme: 'http', host: '127.0.0.1', port: 8444 } })
  t.strictSame(settings.log, { level: 'info', access: true, queries: false })
})

t.test('every limit has the default that long polls and Kerberos tickets need', async (t) => {
  t.strictSame(loadGood(t, [gateway, services, store]).limits, {
    headerTimeout: 10_000,
    headerSize: 65_536,
    headerFields: 200,
    targetSize: 16_384,
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
    bodyTimeout: 30_000,
    bodyRate: 1024,
    keepAliveTimeout: 75_000,
    requestsPerConnection: 1000,
    connections: 10_000,
    connectionsPerAddress: 2000,
    tlsHandshakeTimeout: 10_000,
    proxyHeaderTimeout: 3000,
    streamsPerConnection: 100,
    streamResets: 200,
    connectTimeout: 5000,
    responseTimeout: 1_200_000,
    answerTimeout: 60_000,
    upgradeIdleTimeout: 1_800_000,
    upstreamHeaderSize: 32_768,
    upstreamConnections: 10_000,
    upstreamKeepAlive: 30_000,
    recordTimeout: 500,
    recordWriteTimeout: 5_000,
    redisTimeout: 50,
    stopDelay: 0,
    drainFor: 30_000,
    pendingApprovals: 1000,
    hotDevices: 100_000,
    hotMemory: 128 * 1024 ** 2,
  })
})

t.test('paths are relative to the file that names them, wherever the program runs', async (t) => {
  const tls =
    'tls: { cert: tls/a.crt, key: /etc/a.key, more: [{ cert: b.crt, key: b.key }], clientCa: [../ca.crt] }'
  const service = mail.replace('}', ', upstreamTls: { ca: [own.crt], serverName: ex1 } }')
  const settings = loadGood(t, [
    `gateway: { listen: ["https://[::]:8443"], ${tls} }`,
    `services: [${service}]`,
    'store: sqlite:../data/gatehouse.db',
    'policy: rules/policy.yaml',
  ])
  const folder = dirname(settings.file)
  t.equal(settings.file, join(folder, 'gatehouse.yaml'))
  t.equal(settings.policy, join(folder, 'rules/policy.yaml'))
  t.strictSame(settings.store, { kind: 'sqlite', path: join(dirname(folder), 'data/gatehouse.db') })
  t.strictSame(settings.gateway.tls, {
    certificates: [
      { cert: join(folder, 'tls/a.crt'), key: '/etc/a.key' },
      { cert: join(folder, 'b.crt'), key: join(folder, 'b.key') },
    ],
    clientCa: [join(dirname(folder), 'ca.crt')],
    crl: [],
    http2: true,
  })
  t.strictSame(settings.services[0]?.upstreamTls, {
    ca: [join(folder, 'own.crt')],
    verify: true,
    serverName: 'ex1',
  })
  t.strictSame(settings.gateway.listen, [{ scheme: 'https', host: '::', port: 8443 }])
})

t.test('host names, upgrades and field names are kept in lower case', async (t) => {
  const [service] = loadGood(t, [
    gateway,
    'services:',
    '  - name: mail',
    '    hosts: [Mail.Example.COM, "*.Mail.Example.COM"]',
    '    upstream: ["https://Exchange.internal:8443/"]',
    '    client: activesync',
    '    upgrades: [WebSocket]',
    '    allowFields: [X_Legacy]',
    '    origins: ["https://Portal.example.com"]',
    store,
  ]).services
  t.strictSame(service?.hosts, ['mail.example.com', '*.mail.example.com'])
  t.equal(service?.upstream[0]?.origin, 'https://exchange.internal:8443')
  t.strictSame(service?.upgrades, ['websocket'])
  t.strictSame(service?.allowFields, ['x_legacy'])
  t.strictSame(service?.origins, ['https://portal.example.com'])
})

t.test('each client has its own block', async (t) => {
  const head = (client: string) =>
    `{ name: ${client}, hosts: [${client}.example.com], upstream: ["http://a"], client: ${client}`
  const bearer =
    'bearer: { issuer: "https://login.example.com", audience: [api], device: deviceid, groups: groups }'
  const settings = loadGood(t, [
    gateway,
    'services:',
    `  - ${head('browser')}, signIn: { path: /login, user: { form: username }, success: { status: [302], setCookie: s } } }`,
    `  - ${head('bearer')}, ${bearer} }`,
    `  - ${head('generic')}, generic: { device: [{ header: X-Device }, { claim: did }], user: { basic: true }, success: { status: [200] }, ${bearer} } }`,
    `  - ${head('lync')} }`,
    '  - { name: open, hosts: [open.example.com], upstream: ["http://a"], client: browser, signIn: none }',
    store,
  ])
  const verified = {
    issuer: 'https://login.example.com',
    audience: ['api'],
    algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
    userClaim: 'sub',
    deviceClaim: 'deviceid',
    groupsClaim: 'groups',
  }
  t.strictSame(
    settings.services.map(({ client }) => client),
    [
      {
        kind: 'browser',
        signIn: {
          method: 'POST',
          path: '/login',
          user: { from: 'form', name: 'username' },
          success: { status: [302], setCookie: 's' },
        },
      },
      { kind: 'bearer', bearer: verified },
      {
        kind: 'generic',
        generic: {
          device: [
            { from: 'header', name: 'x-device' },
            { from: 'claim', name: 'did' },
          ],
          user: { from: 'basic' },
          success: { status: [200] },
          bearer: verified,
        },
      },
      { kind: 'lync' },
      { kind: 'browser', signIn: 'none' },
    ],
  )
})

t.test('a file that everybody may write to is refused', async (t) => {
  const path = settingsFile(t, [gateway, services, store])
  chmodSync(path, 0o646)
  t.match(loadSettings(path, {}).problems, [{ file: path, message: /everybody on this machine may write/ }])
  chmodSync(path, 0o664)
  t.same(loadSettings(path, {}).problems, [], 'the group may')
})

t.test('a file that is not there is a mistake like others', async (t) => {
  const path = join(t.testdir({}), 'gatehouse.yaml')
  t.strictSame(loadSettings(path, {}).problems, [
    {
      file: path,
      line: 1,
      column: 1,
      key: '',
      message: `${path} cannot be read: there is no such file (ENOENT)`,
    },
  ])
})

t.test('an empty file lacks what it must have', async (t) => {
  t.match(load(t, ['']).problems, [{ message: /must be a mapping/ }])
})

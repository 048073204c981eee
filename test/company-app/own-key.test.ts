import { createHash } from 'node:crypto'
import t, { type Test } from 'tap'
import { readRegistered } from '../../sim/launcher.ts'
import { startSimulation } from '../../sim/simulation.ts'
import type { Launcher, LauncherAnswer } from '../../src/cli/app/launcher.ts'
import { internet } from '../helpers/chat.ts'
import { companyApp, phoneAtApi, phoneOf } from '../helpers/company-app.ts'
import { type GatewayUnderTest, gatewayUnderTest } from '../helpers/gateway-under-test.ts'
import { simulated } from '../helpers/simulation.ts'

/** The policy asks for the key at every request. */
const keyPolicy = `
registration:
  - { name: Company app, when: { evidence: app }, then: allow }
access:
  - { name: By its key, when: { binding: key }, then: allow }
`

/** A service for programs: each request names its user and its device in header fields. */
async function apiWithApp(t: Test, policy = keyPolicy) {
  const received: { headers: Record<string, unknown>; body: string }[] = []
  const api = await phoneAtApi(t, {
    async answer(exchange) {
      const body = (await exchange.readBody()).toString()
      received.push({ headers: exchange.request.headers, body })
      exchange.json(exchange.request.headers['x-password'] === 'wrong' ? 401 : 200, {})
    },
    policy,
  })
  return { ...api, received }
}

const who = { 'x-user': 'alice', 'x-device': 'tablet' }

interface Asked {
  readonly method?: string
  readonly body?: string
  readonly path?: string
  readonly signedPath?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly sign?: (signed: Record<string, string>) => Record<string, string>
}

function send(gateway: GatewayUnderTest, phone: Launcher, asked: Asked = {}): Promise<LauncherAnswer> {
  const { method = 'GET', body = '', path = '/items?x=1', signedPath = path, headers, sign } = asked
  const at = (target: string) => new URL(target, `https://api.localhost:${gateway.tls}`)
  const signed = phone.signOwn(method, at(signedPath), body)
  return phone.send(method, at(path), { ...who, ...headers, ...(sign?.(signed) ?? signed) }, body)
}

function reasonOf({ body }: LauncherAnswer): unknown {
  return (JSON.parse(body) as { reason?: string }).reason
}

t.test(
  'a request that the app signs with its own key registers by that key, and has to be signed from then on',
  async (t) => {
    const { gateway, phone, received } = await apiWithApp(t)
    t.equal((await send(gateway, phone, { headers: { 'x-password': 'wrong' } })).status, 401)
    const store = await gateway.openStore()
    t.strictSame(await store.registrations.list({ limit: 5 }), [], 'the upstream has not accepted its user')
    t.equal((await send(gateway, phone)).status, 200)
    t.match(await store.registrations.list({ limit: 5 }), [
      {
        registration: {
          user: 'alice',
          binding: 'key',
          evidence: ['app'],
          deviceIds: { udid: /./ },
          appDeviceId: /^d_/,
        },
      },
    ])
    t.equal((await send(gateway, phone, { method: 'POST', body: '{"a":1}' })).status, 200)
    const [last] = received.slice(-1)
    t.equal(last?.body, '{"a":1}')
    t.notOk(last?.headers['signature-input'], 'the upstream sees no signature')
    t.notOk(last?.headers.signature)
    t.match(last?.headers['content-digest'], /^sha-256=:/, 'but the digest of the body that it gets')
    const bare = await phone.send('GET', new URL(`https://api.localhost:${gateway.tls}/items`), who)
    t.equal(reasonOf(bare), 'device.unregistered')
  },
)

t.test('a key that an administrator revokes speaks for nobody, at once and for good', async (t) => {
  const { gateway, phone } = await apiWithApp(t)
  t.equal((await send(gateway, phone)).status, 200)
  const store = await gateway.openStore()
  const [device] = await store.appDevices.list({ limit: 1 })
  const by = { name: 'admin', why: 'lost', at: Date.now() }
  t.equal((await store.appDevices.revoke(device?.id ?? '', by))?.blocked.length, 1)
  t.equal(reasonOf(await send(gateway, phone)), 'app.revoked')
  t.equal(reasonOf(await phone.register()), 'app.revoked', 'nor does its next first contact help')
})

t.test('a signed request needs no other name of its device', async (t) => {
  const { gateway, phone } = await apiWithApp(t)
  const at = new URL(`https://api.localhost:${gateway.tls}/items`)
  const user = { 'x-user': 'alice' }
  t.equal(reasonOf(await phone.send('GET', at, user)), 'client.unidentified')
  t.equal((await phone.send('GET', at, { ...user, ...phone.signOwn('GET', at) })).status, 200)
  const found = await (await gateway.openStore()).registrations.list({ limit: 5 })
  t.match(found, [{ registration: { binding: 'key', user: 'alice' } }])
  t.equal((await phone.send('GET', at, { ...user, ...phone.signOwn('GET', at) })).status, 200)
})

t.test('an Ed25519 key signs as well', async (t) => {
  const { gateway, app } = await apiWithApp(t)
  const phone = phoneOf(gateway, app.packageKey, { keyType: 'ed25519' })
  readRegistered(await phone.register())
  t.equal((await send(gateway, phone)).status, 200)
})

t.test('a signature speaks for one request: not again, and for no other', async (t) => {
  const { gateway, phone, received } = await apiWithApp(t)
  await send(gateway, phone)
  const reached = received.length
  const input = (change: (text: string) => string) => (signed: Record<string, string>) => ({
    ...signed,
    'signature-input': change(signed['signature-input'] ?? ''),
  })
  const cases: [string, string, Asked][] = [
    ['another path', 'app.proof-invalid', { signedPath: '/items?x=2' }],
    [
      'another key',
      'app.proof-invalid',
      { sign: (signed) => ({ ...signed, signature: `app=:${Buffer.alloc(64, 1).toString('base64')}:` }) },
    ],
    ['a changed nonce', 'app.proof-invalid', { sign: input((text) => text.replace('nonce="', 'nonce="A')) }],
    [
      'the method not covered',
      'app.proof-invalid',
      { sign: input((text) => text.replace('"@method" ', '')) },
    ],
    [
      'another algorithm',
      'app.proof-invalid',
      { sign: input((text) => text.replace('ecdsa-p256-sha256', 'hmac-sha256')) },
    ],
    [
      'a body that is not covered',
      'app.proof-invalid',
      { method: 'POST', body: 'x', sign: input((text) => text.replace(' "content-digest"', '')) },
    ],
    ['somebody else’s name', 'app.other-user', { headers: { 'x-user': 'bob' } }],
  ]
  for (const [what, reason, asked] of cases)
    t.equal(reasonOf(await send(gateway, phone, asked)), reason, what)

  const at = new URL(`https://api.localhost:${gateway.tls}/items`)
  const signed = { ...who, ...phone.signOwn('GET', at) }
  t.equal((await phone.send('GET', at, signed)).status, 200)
  t.equal(reasonOf(await phone.send('GET', at, signed)), 'app.replayed')
  const late = phoneOf(gateway, { id: '2026-02', secret: '' }, { now: () => Date.now() - 600_000 })
  t.equal((await send(gateway, late)).status, 403, 'and an unknown key is nobody’s')
  t.equal(received.length, reached + 1)
})

t.test('a body that the gateway reads is held against its digest', async (t) => {
  const server = await simulated(
    t,
    (options) => startSimulation(options, (exchange) => exchange.json(200, {})),
    {},
  )
  const app = companyApp(t)
  const gateway = await gatewayUnderTest(t, {
    services: `  - name: api
    hosts: [api.localhost]
    upstream: ["${server.url}"]
    client: generic
    generic: { device: [{ json: device }], user: { json: user }, success: { status: [200] } }`,
    settings: app.section,
    policy: keyPolicy,
  })
  const phone = phoneOf(gateway, app.packageKey)
  readRegistered(await phone.register())
  const at = new URL(`https://api.localhost:${gateway.tls}/`)
  const body = '{"user":"alice","device":"one"}'
  const headers = { 'content-type': 'application/json', ...phone.signOwn('POST', at, body) }
  t.equal(reasonOf(await phone.send('POST', at, headers, body.replace('one', 'two'))), 'app.digest-mismatch')
  const again = { 'content-type': 'application/json', ...phone.signOwn('POST', at, body) }
  t.equal((await phone.send('POST', at, again, body)).status, 200)
})

t.test('signatures that are not the app’s go to the upstream untouched', async (t) => {
  const { gateway, phone, received } = await apiWithApp(
    t,
    'networks: { all: [127.99.0.0/16] }\nregistration: [{ name: All, when: { network: all }, then: allow }]\naccess: [{ name: Everything, then: allow }]\n',
  )
  const at = new URL(`https://api.localhost:${gateway.tls}/`)
  const foreign = [
    { 'signature-input': 'sig1=("@method");keyid="https://other.example/key"', signature: 'sig1=:YWJj:' },
    { 'signature-input': 'not a dictionary at all(', signature: 'x' },
    {
      'signature-input': `a=("date");keyid="${createHash('sha256').update('x').digest('base64url')}"`,
      signature: 'a=:YWJj:',
    },
  ]
  for (const headers of foreign) {
    t.equal((await phone.send('GET', at, { ...who, ...headers })).status, 200)
    t.match(received.at(-1)?.headers, headers)
  }
  t.equal(internet, '127.99.0.1')
})

import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { alicesPhone, readRegistered } from '../../sim/launcher.ts'
import type { Launcher, LauncherAnswer } from '../../src/cli/app/launcher.ts'
import { chatBehindGateway } from '../helpers/chat.ts'
import { appPolicy, companyApp, phoneOf } from '../helpers/company-app.ts'
import type { GatewayUnderTest } from '../helpers/gateway-under-test.ts'

async function gatewayWithApp(t: Test, more?: string, now?: () => number) {
  const app = companyApp(t, more)
  const { gateway } = await chatBehindGateway(t, {
    settings: app.section,
    policy: appPolicy,
    ...(now && { now }),
  })
  return { gateway, app, phone: phoneOf(gateway, app.packageKey, { now: now ?? Date.now }) }
}

const url = (gateway: GatewayUnderTest, query = '') =>
  new URL(`https://register.localhost:${gateway.tls}/.gatehouse/app/register${query}`)

type Change = (headers: Record<string, string>) => Record<string, string>

interface Sent {
  readonly headers?: Change
  readonly body?: (body: string) => string
  /** Changes the body before it is signed. */
  readonly contact?: (contact: Record<string, unknown>) => unknown
  readonly query?: string
  readonly method?: string
  readonly signedMethod?: string
  readonly signedUrl?: URL
}

/** The phone's own first contact with something changed. */
function send(gateway: GatewayUnderTest, phone: Launcher, sent: Sent = {}): Promise<LauncherAnswer> {
  const contact = JSON.parse(phone.contact()) as Record<string, unknown>
  const signed = JSON.stringify(sent.contact?.(contact) ?? contact)
  const to = url(gateway, sent.query)
  const headers = {
    'content-type': 'application/json',
    ...phone.signContact(sent.signedUrl ?? to, signed, sent.signedMethod ?? sent.method),
  }
  return phone.send(
    sent.method ?? 'POST',
    to,
    sent.headers?.(headers) ?? headers,
    sent.body?.(signed) ?? signed,
  )
}

function reasonOf({ status, body, headers }: LauncherAnswer): unknown {
  if (!/problem\+json/.test(headers['content-type'] ?? '')) return `${status} ${body}`
  return (JSON.parse(body) as { reason: string }).reason
}

const nothing = { devices: 0 }
async function admitted(gateway: GatewayUnderTest) {
  const store = await gateway.openStore()
  const told = await store.audit.list({ limit: 1000 })
  return { devices: told.filter(({ action }) => action === 'app.admitted').length }
}

t.test('the app’s signed request is answered with a link for each service', async (t) => {
  const { gateway, phone } = await gatewayWithApp(t)
  const answer = await phone.register()
  t.match(answer.headers['cache-control'], 'no-store')
  const { device, keyid, links } = readRegistered(answer)
  t.match(device, /^d_[0-9a-z]{10}$/)
  t.equal(keyid, phone.keyid)
  t.match(links, [{ service: 'chat', client: 'browser' }])
  t.match(
    links[0]?.url,
    new RegExp(`^https://chat\\.localhost:${gateway.tls}/\\.gatehouse/app/bind\\?ticket=[\\w-]{43}$`),
  )
  t.ok(Math.abs((links[0]?.expires ?? 0) - (Date.now() / 1000 + 300)) < 10)
  t.strictSame(await admitted(gateway), { devices: 1 })
})

t.test('any of the package keys counts, and an Ed25519 key of the app as well', async (t) => {
  const { gateway, app } = await gatewayWithApp(t)
  t.equal((await phoneOf(gateway, app.older).register()).status, 200)
  t.equal((await phoneOf(gateway, app.packageKey, { keyType: 'ed25519' }).register()).status, 200)
})

t.test('each check refuses what fails just that check, with its own reason', async (t) => {
  const { gateway, phone } = await gatewayWithApp(
    t,
    'minVersion: { ios: "2.0" }, attempts: { perAddress: 1000, perDevice: 1000 }',
  )
  const input =
    (change: (input: string) => string): Change =>
    (headers) => ({
      ...headers,
      'signature-input': change(headers['signature-input'] ?? ''),
    })
  const without =
    (name: string): Change =>
    ({ [name]: _, ...rest }) =>
      rest
  const set =
    (name: string, value: string): Change =>
    (headers) => ({ ...headers, [name]: value })
  const foreign = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'jwk' })
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const digest = (body: string) => `sha-256=:${createHash('sha256').update(body).digest('base64')}:`
  const cases: [string, string, Sent][] = [
    ['another method', 'app.method', { method: 'PUT' }],
    ['a query', 'app.secret-in-url', { query: '?x=1' }],
    ['a token in the address', 'app.secret-in-url', { query: '?token=abc' }],
    ['no JSON type', 'app.request-invalid', { headers: set('content-type', 'text/plain') }],
    ['an encoded body', 'app.request-invalid', { headers: set('content-encoding', 'gzip') }],
    ['no signature', 'app.signature-missing', { headers: without('signature') }],
    ['no input', 'app.signature-missing', { headers: without('signature-input') }],
    ['no digest', 'app.signature-missing', { headers: without('content-digest') }],
    ['a label twice', 'app.signature-malformed', { headers: input((text) => `${text}, ${text}`) }],
    [
      'three signatures',
      'app.signature-malformed',
      {
        headers: (headers) => ({
          ...headers,
          'signature-input': `${headers['signature-input']}, b=("@method");created=1`,
          signature: `${headers.signature}, b=:YQ==:`,
        }),
      },
    ],
    [
      'the body not covered',
      'app.signature-malformed',
      { headers: input((text) => text.replace(' "content-digest"', '')) },
    ],
    [
      'the address not covered',
      'app.signature-malformed',
      { headers: input((text) => text.replace(' "@target-uri"', '')) },
    ],
    [
      'the method not covered',
      'app.signature-malformed',
      { headers: input((text) => text.replace('"@method" ', '')) },
    ],
    ['no nonce', 'app.signature-malformed', { headers: input((text) => text.replace(/;nonce="[^"]*"/, '')) }],
    ['no end', 'app.signature-malformed', { headers: input((text) => text.replace(/;expires=\d+/, '')) }],
    [
      'a short nonce',
      'app.signature-malformed',
      { headers: input((text) => text.replace(/nonce="[^"]*"/, 'nonce="1"')) },
    ],
    ['an unknown parameter', 'app.signature-malformed', { headers: input((text) => `${text};extra`) }],
    [
      'a component of another message',
      'app.signature-malformed',
      { headers: input((text) => text.replace('"@method"', '"@method" "@status"')) },
    ],
    ['alg none', 'app.algorithm', { headers: input((text) => text.replace('hmac-sha256', 'none')) }],
    [
      'an alg of public keys',
      'app.algorithm',
      { headers: input((text) => text.replace('hmac-sha256', 'ecdsa-p256-sha256')) },
    ],
    [
      'an unknown package key',
      'app.key-unknown',
      { headers: input((text) => text.replace('2026-02', '2025-12')) },
    ],
    [
      'another package key',
      'app.signature-invalid',
      { headers: input((text) => text.replace('2026-02', '2026-01')) },
    ],
    [
      'a changed time',
      'app.signature-invalid',
      { headers: input((text) => text.replace(/created=\d/, 'created=2')) },
    ],
    ['signed for another method', 'app.signature-invalid', { signedMethod: 'PUT' }],
    [
      'signed for another host',
      'app.signature-invalid',
      { signedUrl: new URL('https://chat.localhost/.gatehouse/app/register') },
    ],
    ['signed for another path', 'app.signature-invalid', { signedUrl: new URL('/other', url(gateway)) }],
    [
      'signed for http',
      'app.signature-invalid',
      { signedUrl: new URL(url(gateway).href.replace('https', 'http')) },
    ],
    [
      'a signature that is cut off',
      'app.signature-invalid',
      {
        headers: (headers) => ({
          ...headers,
          signature: headers.signature?.replace(/app=:[^:]+:/, 'app=:AAAA:') ?? '',
        }),
      },
    ],
    [
      'a digest of its own',
      'app.signature-invalid',
      {
        body: (body) => body.replace('alice', 'mallory'),
        headers: (headers) => ({ ...headers, 'content-digest': digest('{}') }),
      },
    ],
    ['another body', 'app.digest-mismatch', { body: (body) => body.replace('alice', 'mallo') }],
    ['a body that is cut off', 'app.digest-mismatch', { body: (body) => body.slice(0, -1) }],
    ['no body', 'app.digest-mismatch', { body: () => '' }],
    ['a list', 'app.request-invalid', { contact: () => [] }],
    ['an unknown member', 'app.request-invalid', { contact: (contact) => ({ ...contact, admin: true }) }],
    ['no user', 'app.request-invalid', { contact: (contact) => ({ ...contact, username: ' ' }) }],
    ['no device id', 'app.request-invalid', { contact: (contact) => ({ ...contact, deviceId: '|' }) }],
    [
      'an id that is none',
      'app.request-invalid',
      { contact: (contact) => ({ ...contact, deviceId: 'Unknown|0' }) },
    ],
    [
      'fewer ids than types',
      'app.request-invalid',
      { contact: (contact) => ({ ...contact, deviceId: 'A' }) },
    ],
    [
      'an unknown type of id',
      'app.request-invalid',
      { contact: (contact) => ({ ...contact, deviceIdType: 'UDID|MAC' }) },
    ],
    [
      'an unknown platform',
      'app.request-invalid',
      { contact: (contact) => ({ ...contact, platform: 'symbian' }) },
    ],
    ['no version', 'app.request-invalid', { contact: (contact) => ({ ...contact, appVersion: 'new' }) }],
    [
      'another company',
      'app.company-mismatch',
      { contact: (contact) => ({ ...contact, companyName: 'Example' }) },
    ],
    [
      'an old version',
      'app.version-outdated',
      { contact: (contact) => ({ ...contact, appVersion: '1.9.9' }) },
    ],
    [
      'an old version on an iPad',
      'app.version-outdated',
      { contact: (contact) => ({ ...contact, platform: 'ipados', appVersion: '1.9.9' }) },
    ],
    [
      'a token that never was',
      'token.inactive',
      { contact: (contact) => ({ ...contact, mdmToken: 'abcdefghijklmnop' }) },
    ],
    [
      'a key of another curve',
      'app.public-key-invalid',
      { contact: (contact) => ({ ...contact, publicKey: foreign }) },
    ],
    [
      'a private key',
      'app.public-key-invalid',
      { contact: (contact) => ({ ...contact, publicKey: pair.privateKey.export({ format: 'jwk' }) }) },
    ],
    [
      'no signature by the app’s own key',
      'app.signature-missing',
      {
        headers: (headers) => ({
          ...headers,
          'signature-input': headers['signature-input']?.split(', key=')[0] ?? '',
          signature: headers.signature?.split(', key=')[0] ?? '',
        }),
      },
    ],
    [
      'a key of somebody else',
      'app.proof-invalid',
      {
        contact: (contact) => ({ ...contact, publicKey: pair.publicKey.export({ format: 'jwk' }) }),
      },
    ],
    [
      'a signature by a key of somebody else',
      'app.proof-invalid',
      {
        headers: (headers) => ({
          ...headers,
          signature:
            headers.signature?.replace(/key=:.*:/, `key=:${Buffer.alloc(64, 1).toString('base64')}:`) ?? '',
        }),
      },
    ],
    [
      'a signature by the app’s own key from another time',
      'app.proof-invalid',
      {
        headers: input((text) =>
          text.replace(/(key=.*nonce=")(.)/, (_, before, first) => `${before}${first === '_' ? '-' : '_'}`),
        ),
      },
    ],
    [
      'a service that is not there',
      'app.service-unknown',
      { contact: (contact) => ({ ...contact, service: 'mail' }) },
    ],
  ]
  for (const [what, reason, sent] of cases) {
    const answer = await send(gateway, phone, sent)
    t.equal(reasonOf(answer), reason, what)
    t.ok(answer.status >= 400, what)
  }
  t.strictSame(await admitted(gateway), nothing)
  t.equal((await send(gateway, phone)).status, 200, 'unchanged, it is taken')
})

t.test('checks come in their order: who fails all of them is told the first', async (t) => {
  const { gateway, phone } = await gatewayWithApp(t)
  const answer = await send(gateway, phone, {
    contact: (contact) => ({ ...contact, companyName: 'Other', appVersion: '1.0', publicKey: {} }),
  })
  t.equal(reasonOf(answer), 'app.company-mismatch')
})

t.test('a nonce is good once, for this key, whatever else is changed', async (t) => {
  const { gateway, phone } = await gatewayWithApp(t)
  const body = phone.contact()
  const headers = { 'content-type': 'application/json', ...phone.signContact(url(gateway), body) }
  t.equal((await phone.send('POST', url(gateway), headers, body)).status, 200)
  t.equal(reasonOf(await phone.send('POST', url(gateway), headers, body)), 'app.replayed')
  const other = JSON.stringify({ ...JSON.parse(body), username: 'bob' })
  t.equal(reasonOf(await phone.send('POST', url(gateway), headers, other)), 'app.replayed')
})

t.test('a request counts within its window and the clock skew, and neither before nor after', async (t) => {
  let gatewayTime = Date.now()
  const { gateway, app } = await gatewayWithApp(
    t,
    'attempts: { perAddress: 1000, perDevice: 1000 }',
    () => gatewayTime,
  )
  const start = gatewayTime
  const at = async (signedAt: number) =>
    reasonOf(await phoneOf(gateway, app.packageKey, { now: () => signedAt }).register())
  const fresh = (answer: unknown) => t.match(answer, /^200 /)
  fresh(await at(start))
  fresh(await at(start + 29_000))
  t.equal(await at(start + 32_000), 'app.stale', 'from the future')
  t.equal(
    await at(start - 88_000),
    'app.replayed',
    'not stale, but older than this gateway’s memory of nonces',
  )
  t.equal(await at(start - 91_000), 'app.stale', 'from the past')
  t.equal(await at(start - 86_400_000), 'app.stale', 'a clock that is a day late')
  gatewayTime += 3_600_000
  t.equal(await at(start), 'app.stale')
})

t.test('a life that is longer than the window, or that ends before it begins, is refused', async (t) => {
  const { gateway, phone } = await gatewayWithApp(t, 'window: 30s')
  t.equal(reasonOf(await phone.register()), 'app.stale', 'the phone signs for 60 s')
  t.equal((await gatewayWithApp(t, 'window: 60s')) && (await phone.register()).status, 403)
  t.ok(gateway)
})

t.test('a body is read up to 16 KiB, however it comes', async (t) => {
  const { gateway, phone } = await gatewayWithApp(t)
  const large = (size: number) =>
    JSON.stringify({ ...JSON.parse(phone.contact()), mdmToken: 'x'.repeat(size) })
  const sign = (body: string) => ({
    'content-type': 'application/json',
    ...phone.signContact(url(gateway), body),
  })
  const within = large(15_000)
  t.equal(reasonOf(await phone.send('POST', url(gateway), sign(within), within)), 'app.request-invalid')
  const beyond = large(17_000)
  const answer = await phone.send('POST', url(gateway), sign(beyond), beyond).catch((error: unknown) => error)
  t.match(answer, { status: 413 })
})

t.test('attempts are limited for each address, before anything is read, and for each device', async (t) => {
  const { gateway, app, phone } = await gatewayWithApp(t, 'attempts: { perAddress: 6, perDevice: 2 }')
  for (let i = 0; i < 2; i++) t.equal((await phone.register()).status, 200)
  const third = await phone.register()
  t.match([third.status, reasonOf(third)], [429, 'app.rate-limited'])
  t.equal(third.headers['retry-after'], '60')
  const bob = phoneOf(gateway, app.packageKey, {
    configuration: { ...alicesPhone, username: 'bob', deviceId: 'F4GTQ1XYZ0AB', deviceIdType: 'SERIAL' },
  })
  t.equal((await bob.register()).status, 200, 'another device from the same address')
  for (let i = 0; i < 6; i++) t.equal(reasonOf(await phone.send('POST', url(gateway))), 'app.request-invalid')
  t.equal(
    reasonOf(await phone.send('POST', url(gateway))),
    'app.rate-limited',
    'strangers have had their six',
  )
  t.equal((await bob.register()).status, 200, 'which are not those of whoever has a package key')
  t.equal(reasonOf(await bob.register()), 'app.rate-limited', 'bob’s device has had its two')
  t.equal(reasonOf(await bob.register()), 'app.rate-limited', 'and the address its six')
  t.equal(
    (
      await phoneOf(gateway, app.packageKey, {
        from: '127.98.0.1',
        configuration: { ...alicesPhone, username: 'carol' },
      }).register()
    ).status,
    200,
  )
})

t.test('a key of the app stays with its user and its device', async (t) => {
  const { gateway, phone } = await gatewayWithApp(t)
  t.equal((await phone.register()).status, 200)
  for (const change of [{ username: 'bob' }, { deviceId: 'F4GTQ1XYZ0AB|', deviceIdType: 'UDID|IMEI' }])
    t.equal(
      reasonOf(await send(gateway, phone, { contact: (contact) => ({ ...contact, ...change }) })),
      'app.key-taken',
    )
  t.strictSame(await admitted(gateway), { devices: 1 })
})

t.test('a package key counts from its first day to its last', async (t) => {
  const app = companyApp(t)
  const dated = app.section
    .replace('{ id: "2026-02",', '{ id: "2026-02", notBefore: 2026-02-01,')
    .replace('{ id: "2026-01",', '{ id: "2026-01", notAfter: 2026-03-01,')
  let time = Date.parse('2026-01-15')
  const { gateway } = await chatBehindGateway(t, { settings: dated, policy: appPolicy, now: () => time })
  const asked = async (packageKey: { id: string; secret: string }) =>
    (await phoneOf(gateway, packageKey, { now: () => time }).register()).status
  t.strictSame([await asked(app.older), await asked(app.packageKey)], [200, 403])
  time = Date.parse('2026-02-15')
  t.strictSame([await asked(app.older), await asked(app.packageKey)], [200, 200])
  time = Date.parse('2026-03-15')
  t.strictSame([await asked(app.older), await asked(app.packageKey)], [403, 200])
})

t.test('when the settings ask for a vendor and none has told of any device, nobody registers', async (t) => {
  const { phone } = await gatewayWithApp(t, 'requireVendor: true')
  const answer = await phone.register()
  t.match([answer.status, reasonOf(answer)], [503, 'app.vendor-unavailable'])
  t.ok(answer.headers['retry-after'])
})

t.test('without the section there is no such address', async (t) => {
  const { gateway } = await chatBehindGateway(t)
  const packageKey = { id: 'x', secret: randomBytes(32).toString('base64') }
  t.equal((await phoneOf(gateway, packageKey).register()).status, 404)
})

t.test('the app registers on the gateway’s own hosts alone', async (t) => {
  const { gateway, app } = await gatewayWithApp(t)
  const phone = phoneOf(gateway, app.packageKey, { gateway: `https://chat.localhost:${gateway.tls}` })
  t.not((await phone.register()).status, 200)
})

t.test('no secret, token or link stands in the log', async (t) => {
  const { gateway, app, phone } = await gatewayWithApp(t)
  const { links } = readRegistered(await phone.register())
  const ticket = new URL(links[0]?.url ?? '').searchParams.get('ticket') ?? 'none'
  await phone.send(
    'GET',
    new URL(`https://chat.localhost:${gateway.tls}/.gatehouse/app/bind?ticket=${ticket}`),
  )
  await phone.send('GET', new URL(`https://chat.localhost:${gateway.tls}/.gatehouse/app/bind/${ticket}/x`))
  await send(gateway, phone, { query: `?key=${app.packageKey.secret}` })
  await gateway.stop()
  const log = JSON.stringify(gateway.log())
  t.match(log, 'app/register')
  for (const secret of [app.packageKey.secret, ticket]) t.notMatch(log, secret)
  t.notMatch(JSON.stringify(await (await gateway.openStore()).audit.list({ limit: 100 })), ticket)
})

import { createSecretKey } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { exportSPKI, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose'
import t, { type Test } from 'tap'
import { type SimulatedExchange, startSimulation } from '../../sim/simulation.ts'
import { internet, wifi } from '../helpers/chat.ts'
import {
  evaluationLikePolicy,
  type GatewayUnderTest,
  gatewayUnderTest,
} from '../helpers/gateway-under-test.ts'
import { ask, type ClientAnswer } from '../helpers/http-client.ts'
import { tokenIssuer } from '../helpers/token-issuer.ts'

const host = 'api.localhost'
const alice: JWTPayload = { upn: 'Alice@Example.com', deviceid: 'laptop-1', groups: ['sales'] }

/** Answers what it was asked with; `/stream` stays open, `/refused` does not like the token. */
function api(exchange: SimulatedExchange): unknown {
  const { pathname } = exchange.url
  if (pathname === '/refused') return exchange.json(401, { error: 'invalid_token' })
  if (pathname !== '/stream') return exchange.json(200, { user: exchange.request.headers['gatehouse-user'] })
  exchange.response.writeHead(200, { 'content-type': 'text/event-stream' })
  return exchange.response.write(': open\n\n')
}

async function apiBehindGateway(
  t: Test,
  options: { readonly policy?: string; readonly now?: () => number } = {},
) {
  const issuer = await tokenIssuer(t)
  const server = await startSimulation({ port: 0 }, api)
  t.teardown(() => server.close())
  const gateway = await gatewayUnderTest(t, {
    services: `  - { name: api, hosts: [${host}], upstream: ["${server.url}"], client: bearer, public: [/health], bearer: ${issuer.settings} }`,
    ...options,
  })
  return { issuer, server, gateway }
}

function call(
  gateway: GatewayUnderTest,
  from: string,
  token?: string,
  path = '/things',
): Promise<ClientAnswer> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  return ask({ port: gateway.tls, host, ca: gateway.ca, from, path, headers })
}

async function registered(gateway: GatewayUnderTest) {
  return (await gateway.openStore()).registrations.list({ limit: 10 })
}

t.test(
  'a verified token from the certificate Wi-Fi registers its device, which then works anywhere',
  async (t) => {
    const { issuer, gateway } = await apiBehindGateway(t)
    t.equal((await call(gateway, wifi, await issuer.sign(alice))).status, 200)
    const later = await call(gateway, internet, await issuer.sign({ ...alice, jti: 'another token' }))
    t.equal(later.status, 200)
    t.match(JSON.parse(later.body), { user: 'alice@example.com' })
    t.match(await registered(gateway), [
      { registration: { user: 'alice@example.com', device: { claimedId: 'laptop-1' } } },
    ])
  },
)

t.test(
  'another device or user of the same issuer is refused in JSON, whatever it would like to see',
  async (t) => {
    const { issuer, server, gateway } = await apiBehindGateway(t)
    await call(gateway, wifi, await issuer.sign(alice))
    const reached = server.requests.length
    for (const claims of [
      { ...alice, deviceid: 'laptop-2' },
      { ...alice, upn: 'bob@example.com' },
      { upn: alice.upn },
    ]) {
      const answer = await call(gateway, internet, await issuer.sign(claims as JWTPayload))
      t.equal(answer.status, 403)
      t.match(answer.headers['content-type'], 'application/json')
      t.match(JSON.parse(answer.body), { error: 'access_denied' })
    }
    t.equal(server.requests.length, reached)
  },
)

t.test(
  'tokens that prove nothing are refused with invalid_token, also from the certificate Wi-Fi',
  async (t) => {
    const { issuer, server, gateway } = await apiBehindGateway(t)
    const now = Math.floor(Date.now() / 1000)
    const foreign = await generateKeyPair('ES256')
    const claims = { ...alice, iss: issuer.issuer, aud: issuer.audience, exp: now + 3600 }
    const asSecret = createSecretKey(Buffer.from(await exportSPKI(issuer.publicKey)))
    const good = await issuer.sign(alice)
    const tokens: Record<string, string | undefined> = {
      'none at all': undefined,
      expired: await issuer.sign(alice, { expires: now - 120 }),
      'signed by a foreign key': await issuer.sign(alice, { key: foreign.privateKey }),
      'of another issuer': await issuer.sign(alice, { issuer: 'https://elsewhere.example' }),
      'for another audience': await issuer.sign(alice, { audience: 'https://other.example' }),
      'a logout token': await issuer.sign(alice, { type: 'logout+jwt' }),
      'without a signature': new UnsecuredJWT(claims).encode(),
      'signed with the public key as a secret': await new SignJWT(claims)
        .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
        .sign(asSecret),
      'without an end': await new SignJWT({ ...alice, iss: issuer.issuer, aud: issuer.audience })
        .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
        .sign(issuer.privateKey),
      'with changed claims': good.replace(
        /\.[^.]+\./,
        `.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.`,
      ),
      'no JWT': 'opaque',
    }
    for (const [what, token] of Object.entries(tokens)) {
      const answer = await call(gateway, wifi, token)
      t.equal(answer.status, 401, what)
      t.match(answer.headers['www-authenticate'], 'error="invalid_token"', what)
      t.match(JSON.parse(answer.body), { error: 'invalid_token' }, what)
    }
    t.equal(server.requests.length, 0)
    t.strictSame(await registered(gateway), [])
  },
)

t.test('a token that the service itself refuses registers nothing', async (t) => {
  const { issuer, gateway } = await apiBehindGateway(t)
  t.equal((await call(gateway, wifi, await issuer.sign(alice), '/refused')).status, 401)
  t.strictSame(await registered(gateway), [])
})

t.test('two people share a laptop: each registers by a token of their own', async (t) => {
  const { issuer, gateway } = await apiBehindGateway(t)
  const bob = { ...alice, upn: 'bob@example.com' }
  for (const claims of [alice, bob])
    t.equal((await call(gateway, wifi, await issuer.sign(claims))).status, 200)
  for (const claims of [alice, bob])
    t.equal((await call(gateway, internet, await issuer.sign(claims))).status, 200)
})

t.test('groups of the token count in the policy', async (t) => {
  const policy = evaluationLikePolicy.replace(
    'access:',
    'access:\n  - { name: Sales only, when: { not: { group: sales } }, then: { refuse: Sales only } }',
  )
  const { issuer, gateway } = await apiBehindGateway(t, { policy })
  await call(gateway, wifi, await issuer.sign(alice))
  t.equal((await call(gateway, internet, await issuer.sign(alice))).status, 200)
  const moved = await call(gateway, internet, await issuer.sign({ ...alice, groups: ['support'] }))
  t.equal(moved.status, 403)
  t.match(JSON.parse(moved.body), { error_description: /Sales only/ })
})

t.test('new keys of the issuer are learnt', async (t) => {
  let ahead = 0
  const { issuer, gateway } = await apiBehindGateway(t, { now: () => Date.now() + ahead })
  t.equal((await call(gateway, wifi, await issuer.sign(alice))).status, 200)
  await issuer.rotate()
  ahead = 31_000
  t.equal((await call(gateway, internet, await issuer.sign(alice))).status, 200)
})

t.test('while the issuer’s keys cannot be had, a client is asked to come back', async (t) => {
  const { issuer, server, gateway } = await apiBehindGateway(t)
  const token = await issuer.sign(alice)
  await issuer.close()
  const answer = await call(gateway, wifi, token)
  t.equal(answer.status, 503)
  t.match(JSON.parse(answer.body), { error: 'temporarily_unavailable' })
  t.ok(answer.headers['retry-after'])
  t.equal((await call(gateway, internet, token, '/health')).status, 200, 'what is public needs no token')
  t.equal(server.requests.length, 1)
})

t.test('a block cuts the very stream by which the device registered', async (t) => {
  const { issuer, gateway } = await apiBehindGateway(t)
  const stream = request({
    host: '127.0.0.1',
    port: gateway.tls,
    localAddress: wifi,
    servername: host,
    ca: gateway.ca,
    agent: false,
    path: '/stream',
    headers: { host: `${host}:${gateway.tls}`, authorization: `Bearer ${await issuer.sign(alice)}` },
  }).end()
  const [answer] = (await once(stream, 'response')) as [IncomingMessage]
  await once(answer, 'data')
  answer.resume()
  const ended = new Promise((resolve) => answer.on('error', resolve).on('close', resolve))
  const store = await gateway.openStore()
  const [device] = await store.registrations.list({ limit: 1 })
  const by = { name: 'admin', why: 'lost', at: Date.now() }
  await store.registrations.block(device?.registration.id ?? '', by)
  await ended
  t.notOk(answer.complete)
})

import t, { type Test } from 'tap'
import { startMatrix } from '../../sim/matrix.ts'
import { internet, wifi } from '../helpers/chat.ts'
import { eventually } from '../helpers/eventually.ts'
import {
  evaluationLikePolicy,
  type GatewayUnderTest,
  gatewayUnderTest,
} from '../helpers/gateway-under-test.ts'
import { ask, type ClientAnswer, type ClientOptions, navigation } from '../helpers/http-client.ts'
import { simulated } from '../helpers/simulation.ts'

const host = 'matrix.localhost'
const api = '/_matrix/client/v3'
const passwords: Record<string, string> = { alice: 'wonderland', bob: 'builder' }

async function matrixBehindGateway(
  t: Test,
  options: { readonly policy?: string; readonly now?: () => number } = {},
) {
  const server = await simulated(t, startMatrix, options.now === undefined ? {} : { now: options.now })
  const gateway = await gatewayUnderTest(t, {
    services: `  - name: matrix
    hosts: [${host}]
    upstream: ["${server.url}"]
    client: matrix
    public: ["/.well-known/*", /_matrix/client/versions]
    paths: { encodedSlash: true }`,
    ...options,
  })
  return { server, gateway }
}

type Asked = Pick<ClientOptions, 'method' | 'headers' | 'body'> & { readonly token?: string | undefined }

function call(
  gateway: GatewayUnderTest,
  from: string,
  path: string,
  asked: Asked = {},
): Promise<ClientAnswer> {
  const { token, headers, ...rest } = asked
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
  return ask({
    port: gateway.tls,
    host,
    ca: gateway.ca,
    from,
    path,
    ...rest,
    headers: { ...headers, ...authorization },
  })
}

interface Login {
  readonly user?: string
  readonly password?: string
  readonly device?: string
  readonly refreshable?: boolean
}

async function login(gateway: GatewayUnderTest, from: string, asked: Login = {}) {
  const { user = 'alice', device, refreshable } = asked
  const answer = await call(gateway, from, `${api}/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      type: 'm.login.password',
      identifier: { type: 'm.id.user', user },
      password: asked.password ?? passwords[user.replace(/^@(\w+):.*/, '$1')],
      ...(device !== undefined && { device_id: device }),
      ...(refreshable && { refresh_token: true }),
    }),
  })
  const given = JSON.parse(answer.body) as Record<string, string | undefined>
  return { answer, token: given.access_token, refreshToken: given.refresh_token, device: given.device_id }
}

function whoami(gateway: GatewayUnderTest, from: string, token?: string): Promise<ClientAnswer> {
  return call(gateway, from, `${api}/account/whoami`, { token })
}

function error(answer: ClientAnswer): { status: number; errcode: string; soft_logout?: boolean } {
  return { status: answer.status, ...JSON.parse(answer.body) }
}

/** What the specification asks of every answer, errors as well. */
function hasCors(t: Test, { headers }: ClientAnswer): void {
  t.equal(headers['access-control-allow-origin'], '*')
  t.match(headers['access-control-allow-headers'], /Authorization/)
  t.match(headers['access-control-allow-methods'], /DELETE/)
}

t.test(
  'a login from the certificate Wi-Fi registers the device; its token then works anywhere',
  async (t) => {
    const { gateway } = await matrixBehindGateway(t)
    const { answer, token } = await login(gateway, wifi, { device: 'PHONE1' })
    t.equal(answer.status, 200)
    const seen = await whoami(gateway, internet, token)
    t.match(JSON.parse(seen.body), { user_id: '@alice:matrix.localhost', device_id: 'PHONE1' })
    t.match(await (await gateway.openStore()).registrations.list({ limit: 5 }), [
      { registration: { user: '@alice:matrix.localhost', device: { claimedId: 'PHONE1' } } },
    ])
  },
)

t.test('a wrong password registers nothing', async (t) => {
  const { gateway } = await matrixBehindGateway(t)
  const { answer } = await login(gateway, wifi, { device: 'PHONE1', password: 'guess' })
  t.match(error(answer), { status: 403, errcode: 'M_FORBIDDEN' })
  t.strictSame(await (await gateway.openStore()).registrations.list({ limit: 5 }), [])
})

t.test(
  'a login from the internet with a device that is not registered never reaches the server',
  async (t) => {
    const { server, gateway } = await matrixBehindGateway(t)
    await login(gateway, wifi, { device: 'PHONE1' })
    const reached = server.requests.length
    for (const asked of [{ device: 'PHONE2' }, {}, { user: 'bob', device: 'PHONE1' }]) {
      const { answer } = await login(gateway, internet, asked)
      t.match(error(answer), { status: 403, errcode: 'M_FORBIDDEN', error: /Connect to the VPN first/ })
      hasCors(t, answer)
    }
    t.equal(server.requests.length, reached)
  },
)

t.test('the registered device signs in again from the internet, and gets a token that works', async (t) => {
  const { gateway } = await matrixBehindGateway(t)
  await login(gateway, wifi, { device: 'PHONE1' })
  for (const user of ['alice', '@alice:matrix.localhost']) {
    const { answer, token } = await login(gateway, internet, { user, device: 'PHONE1' })
    t.equal(answer.status, 200, user)
    t.equal((await whoami(gateway, internet, token)).status, 200)
  }
  const guess = await login(gateway, internet, { device: 'PHONE1', password: 'guess' })
  t.equal(guess.answer.status, 403, 'the password is still the server’s to judge')
})

t.test('a device whose id the server made up is registered under that id', async (t) => {
  const { gateway } = await matrixBehindGateway(t)
  const { device, token } = await login(gateway, wifi)
  t.equal((await whoami(gateway, internet, token)).status, 200)
  t.equal((await login(gateway, internet, { device: device ?? '' })).answer.status, 200)
})

t.test('a token that the gateway does not know costs the client no keys', async (t) => {
  const { server, gateway } = await matrixBehindGateway(t)
  const answer = await whoami(gateway, internet, 'syt_unknown')
  t.match(error(answer), { status: 401, errcode: 'M_UNKNOWN_TOKEN', soft_logout: true })
  t.match(answer.headers['content-type'], 'application/json')
  hasCors(t, answer)
  t.equal(server.requests.length, 0)
})

t.test('a token that ended is renewed from the internet, and the new one works', async (t) => {
  let ahead = 0
  const { gateway } = await matrixBehindGateway(t, { now: () => Date.now() + ahead })
  let { token, refreshToken } = await login(gateway, wifi, { device: 'PHONE1', refreshable: true })
  for (let round = 0; round < 3; round++) {
    ahead += 6 * 60_000
    const ended = await whoami(gateway, internet, token)
    t.match(error(ended), { status: 401, errcode: 'M_UNKNOWN_TOKEN', soft_logout: true })
    const renewed = await call(gateway, internet, `${api}/refresh`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ refresh_token: refreshToken }),
    })
    t.equal(renewed.status, 200)
    const given = JSON.parse(renewed.body) as Record<string, string>
    token = given.access_token
    refreshToken = given.refresh_token
    t.equal((await whoami(gateway, internet, token)).status, 200)
  }
})

t.test('a foreign refresh token is refused in terms that keep the keys', async (t) => {
  const { server, gateway } = await matrixBehindGateway(t)
  const answer = await call(gateway, internet, `${api}/refresh`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ refresh_token: 'syr_foreign' }),
  })
  t.match(error(answer), { status: 401, errcode: 'M_UNKNOWN_TOKEN', soft_logout: true })
  t.equal(server.requests.length, 0)
})

t.test(
  'a block cuts the waiting sync, locks the device without a logout, and an unblock opens it again',
  async (t) => {
    const { server, gateway } = await matrixBehindGateway(t)
    const { token } = await login(gateway, wifi, { device: 'PHONE1' })
    const sync = call(gateway, internet, `${api}/sync?timeout=600000`, { token }).then(
      ({ status }) => status,
      (error: NodeJS.ErrnoException) => error.code,
    )
    await eventually(() => server.waiting === 1)
    const store = await gateway.openStore()
    const [phone] = await store.registrations.list({ limit: 1 })
    const id = phone?.registration.id ?? ''
    await store.registrations.block(id, { name: 'admin', why: 'lost', at: Date.now() })
    t.equal(await sync, 'ECONNRESET')

    const locked = await whoami(gateway, internet, token)
    t.match(error(locked), { status: 401, errcode: 'M_USER_LOCKED', soft_logout: true })
    hasCors(t, locked)
    const { answer } = await login(gateway, internet, { device: 'PHONE1' })
    t.match(error(answer), { status: 403, errcode: 'M_FORBIDDEN' })

    await store.registrations.unblock(id, { name: 'admin', why: 'found', at: Date.now() })
    await eventually(async () => (await whoami(gateway, internet, token)).status === 200)
  },
)

t.test('a token ends with its logout, for the gateway too', async (t) => {
  const { server, gateway } = await matrixBehindGateway(t)
  const { token } = await login(gateway, wifi, { device: 'PHONE1' })
  t.equal((await call(gateway, internet, `${api}/logout`, { method: 'POST', token })).status, 200)
  // The server says `soft_logout: false` of a session that its user has ended.
  await eventually(async () => error(await whoami(gateway, internet, token)).soft_logout)
  const reached = server.requests.length
  t.equal((await whoami(gateway, internet, token)).status, 401)
  t.equal(server.requests.length, reached)
})

t.test('what comes before any login is public; a preflight needs no token', async (t) => {
  const { gateway } = await matrixBehindGateway(t)
  for (const path of ['/.well-known/matrix/client', '/_matrix/client/versions'])
    t.equal((await call(gateway, internet, path)).status, 200, path)
  const preflight = await call(gateway, internet, `${api}/sync`, {
    method: 'OPTIONS',
    headers: {
      origin: 'https://app.element.io',
      'access-control-request-method': 'GET',
      'access-control-request-headers': 'authorization',
    },
  })
  t.match(String(preflight.status), /^20[04]$/)
  hasCors(t, preflight)
})

t.test('encoded slashes of room ids reach the server as they are', async (t) => {
  const { server, gateway } = await matrixBehindGateway(t)
  const { token } = await login(gateway, wifi, { device: 'PHONE1' })
  const path = `${api}/rooms/!a%2Fb%2fc%3Amatrix.localhost/messages?dir=b&from=s%2F1`
  const answer = await call(gateway, internet, path, { token })
  t.match(JSON.parse(answer.body), { room: '!a%2Fb%2fc%3Amatrix.localhost' })
  t.equal(server.requests.at(-1)?.target, path)
})

t.test('who shows no token is not logged out, on media neither', async (t) => {
  const { gateway } = await matrixBehindGateway(t)
  const api403 = await call(gateway, internet, `${api}/sync`)
  t.match(error(api403), { status: 403, errcode: 'M_FORBIDDEN' })
  const media = await call(gateway, internet, '/_matrix/media/v3/download/matrix.localhost/abc')
  t.match(error(media), { status: 404, errcode: 'M_NOT_FOUND' })
  for (const answer of [api403, media]) hasCors(t, answer)
})

t.test('while the posture is not known, a client is asked to wait', async (t) => {
  const policy = evaluationLikePolicy.replace(/.*Just arrived.*\n/, '')
  const { gateway } = await matrixBehindGateway(t, { policy })
  const { token } = await login(gateway, wifi, { device: 'PHONE1' })
  const answer = await whoami(gateway, internet, token)
  t.match(error(answer), { status: 429, errcode: 'M_LIMIT_EXCEEDED', retry_after_ms: 60_000 })
  t.equal(answer.headers['retry-after'], '60')
})

t.test('a server that is down gives an error of the API, not a page', async (t) => {
  const { server, gateway } = await matrixBehindGateway(t)
  const { token } = await login(gateway, wifi, { device: 'PHONE1' })
  await server.close()
  const answer = await whoami(gateway, internet, token)
  t.match(error(answer), { status: 503, errcode: 'M_UNKNOWN' })
  t.ok(answer.headers['retry-after'])
  hasCors(t, answer)
})

t.test('an app is never redirected to a page; the browser of its single sign-on is', async (t) => {
  const { gateway } = await matrixBehindGateway(t)
  const app = await call(gateway, internet, `${api}/sync`, { headers: { accept: 'text/html,*/*' } })
  t.equal(app.status, 403)
  t.equal(app.headers.location, undefined)
  const sso = `${api}/login/sso/redirect?redirectUrl=element%3A%2F%2Fconnect`
  const person = await call(gateway, internet, sso, { headers: navigation })
  t.equal(person.status, 302)
  t.match(person.headers.location, 'https://register.localhost')
})

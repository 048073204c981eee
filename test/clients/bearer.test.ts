import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import t from 'tap'
import { bearer } from '../../src/clients/bearer.ts'
import { clientKey } from '../../src/clients/client-key.ts'
import { createTokenVerifier } from '../../src/clients/verify-token.ts'
import type { BearerSettings } from '../../src/domain/service.ts'
import { aHead, anAnswer, aRefusal, aRequest, aService, dependencies } from './helpers/given.ts'

const issuer = 'https://issuer.example.com/realm'
const start = 1_800_000_000_000
const settings: BearerSettings = {
  issuer,
  audience: ['api'],
  algorithms: ['ES256', 'HS256', 'none'],
  userClaim: 'preferred_username',
  deviceClaim: 'deviceid',
  groupsClaim: 'groups',
}

/** An issuer whose documents are fetched through a function: what it was asked is counted, and it can be down. */
async function anIssuer() {
  const pair = await generateKeyPair('ES256')
  const state = { pair, kid: 'k1', down: false, fetched: [] as string[], now: start }
  const documents = async (): Promise<Readonly<Record<string, object>>> => ({
    [`${issuer}/.well-known/openid-configuration`]: { issuer, jwks_uri: 'https://issuer.example.com/jwks' },
    'https://issuer.example.com/jwks': {
      keys: [{ ...(await exportJWK(state.pair.publicKey)), kid: state.kid, alg: 'ES256' }],
    },
  })
  const verifyToken = createTokenVerifier({
    fetch: async (url) => {
      state.fetched.push(url.pathname)
      if (state.down) throw new Error('no route')
      const found = (await documents())[url.href]
      return { status: found === undefined ? 404 : 200, body: JSON.stringify(found ?? {}) }
    },
    now: () => state.now,
  })
  const sign = (claims: object = {}, header: object = {}, key = state.pair.privateKey) =>
    new SignJWT({
      preferred_username: 'Alice',
      deviceid: 'D1',
      groups: ['staff'],
      iss: issuer,
      aud: 'api',
      exp: start / 1000 + 300,
      ...claims,
    })
      .setProtectedHeader({ alg: 'ES256', kid: state.kid, ...header })
      .sign(key)
  const protocol = bearer(aService({ kind: 'bearer', bearer: settings }), dependencies({ verifyToken }))
  const identify = async (token?: string) =>
    protocol.identify(
      aRequest({ headers: token === undefined ? [] : [['Authorization', `Bearer ${token}`]] }),
    )
  return { state, sign, identify, protocol }
}

t.test('a verified token names user, device and groups', async (t) => {
  const { sign, identify, protocol } = await anIssuer()
  const identification = await identify(await sign())
  t.match(identification, {
    user: 'alice',
    groups: ['staff'],
    signIn: true,
    keys: [clientKey('svc', 'claimed', 'bearer', issuer, 'D1', 'alice')],
  })
  t.strictSame(protocol.observe(aRequest(), identification, anAnswer(200)), { accepted: { user: 'alice' } })
  t.strictSame(protocol.observe(aRequest(), identification, anAnswer(401)), {})
})

t.test('a token that does not verify names nobody', async (t) => {
  const { state, sign, identify } = await anIssuer()
  const foreign = await generateKeyPair('ES256')
  const cases = {
    expired: await sign({ exp: start / 1000 - 31 }),
    'without an end': await sign({ exp: undefined }),
    'not yet valid': await sign({ nbf: start / 1000 + 31 }),
    'for another audience': await sign({ aud: 'other' }),
    'of another issuer': await sign({ iss: 'https://evil.example.com' }),
    'signed by another key': await sign({}, {}, foreign.privateKey),
    'of another type': await sign({}, { typ: 'logout+jwt' }),
    'signed by nobody': `${Buffer.from('{"alg":"none"}').toString('base64url')}.${(await sign()).split('.')[1]}.`,
    'signed with the public key as a secret': await new SignJWT({
      iss: issuer,
      aud: 'api',
      exp: start / 1000 + 300,
    })
      .setProtectedHeader({ alg: 'HS256', kid: state.kid })
      .sign(Buffer.from(JSON.stringify(await exportJWK(state.pair.publicKey)))),
    'no token at all': 'x',
    'too long': `x.${'y'.repeat(20_000)}.z`,
  }
  for (const [name, token] of Object.entries(cases)) {
    t.match(await identify(token), { refuse: 'client.token-invalid', keys: [] }, name)
  }
  t.match(await identify(), { refuse: 'client.token-invalid' }, 'missing')
})

t.test('a verified token ends when it says so, also while it is remembered', async (t) => {
  const { state, sign, identify } = await anIssuer()
  const token = await sign({ exp: start / 1000 + 10 })
  t.equal((await identify(token)).user, 'alice')
  state.now += 5_000
  t.equal((await identify(token)).user, 'alice')
  state.now += 40_000
  t.match(await identify(token), { refuse: 'client.token-invalid' })
})

t.test('keys are fetched once for all who wait, and again for a key that is new', async (t) => {
  const { state, sign, identify } = await anIssuer()
  const first = await sign()
  await Promise.all([identify(first), identify(first), identify(first)])
  t.strictSame(state.fetched, ['/realm/.well-known/openid-configuration', '/jwks'])
  state.pair = await generateKeyPair('ES256')
  state.kid = 'k2'
  const second = await sign({ jti: '2' })
  t.match(await identify(second), { refuse: 'client.token-invalid' }, 'within the cool-down')
  t.equal(state.fetched.length, 2)
  state.now += 31_000
  t.equal((await identify(second)).user, 'alice')
})

t.test('an issuer that is down makes nothing valid, and its known keys last for a day', async (t) => {
  const down = await anIssuer()
  down.state.down = true
  t.match(await down.identify(await down.sign()), { refuse: 'state.unavailable', keys: [] })
  const { state, sign, identify } = await anIssuer()
  await identify(await sign())
  state.down = true
  state.now += 3_600_000
  t.equal((await identify(await sign({ exp: state.now / 1000 + 60 }))).user, 'alice')
  state.now += 86_400_000
  t.match(await identify(await sign({ exp: state.now / 1000 + 60 })), { refuse: 'state.unavailable' })
})

t.test('a clock that was years ahead and is set right keeps no keys from being fetched', async (t) => {
  const { state, sign, identify } = await anIssuer()
  state.now = start + 4 * 365 * 86_400_000
  state.down = true
  t.match(await identify(await sign({ exp: state.now / 1000 + 60 })), { refuse: 'state.unavailable' })
  Object.assign(state, { now: start, down: false })
  t.equal((await identify(await sign())).user, 'alice')
  state.now -= 3_600_000
  state.pair = await generateKeyPair('ES256')
  state.kid = 'k2'
  t.equal((await identify(await sign({ jti: '2' }))).user, 'alice', 'nor new ones')
})

t.test('keys from an open network or another issuer’s document are not taken', async (t) => {
  const document = { issuer: 'https://evil.example.com', jwks_uri: 'https://evil.example.com/jwks' }
  const asked: string[] = []
  const verify = createTokenVerifier({
    fetch: async (url) => {
      asked.push(url.href)
      return { status: 200, body: JSON.stringify(document) }
    },
    now: () => start,
  })
  await t.rejects(verify('a.b.c', settings), { name: 'TokenKeysUnavailable' })
  await t.rejects(verify('a.b.c', { ...settings, jwks: new URL('http://issuer.example.com/jwks') }), {
    name: 'TokenKeysUnavailable',
  })
  t.strictSame(asked, [`${issuer}/.well-known/openid-configuration`])
})

t.test('programs are refused in JSON, never with a page', async (t) => {
  const { protocol } = await anIssuer()
  const refuse = (reason: Parameters<typeof aRefusal>[0]) => {
    const { status, headers, body } = protocol.refuse(aHead(), aRefusal(reason))
    return { status, headers: Object.fromEntries(headers), error: JSON.parse(String(body)).error }
  }
  t.match(refuse('client.token-invalid'), {
    status: 401,
    error: 'invalid_token',
    headers: { 'WWW-Authenticate': 'Bearer error="invalid_token"' },
  })
  t.match(refuse('device.unregistered'), { status: 403, error: 'access_denied' })
  t.match(refuse('client.ambiguous'), { status: 400, error: 'invalid_request' })
  t.match(refuse('state.unavailable'), {
    status: 503,
    error: 'temporarily_unavailable',
    headers: { 'Retry-After': '120' },
  })
})

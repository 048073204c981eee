import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose'
import t, { type Test } from 'tap'
import { OidcSignIn } from '../../src/enrollment/sign-in/oidc.ts'
import { signInName } from '../../src/enrollment/sign-in/user-name.ts'
import type { OidcSettings } from '../../src/settings/build-enrollment.ts'

type Claims = Readonly<Record<string, unknown>>
interface Faults {
  /** What the token of this sign-in says other than it should. */
  claims?: Claims
  unsigned?: boolean
  /** Where it asks for passwords; `/authorize`. */
  authorize?: string
  discovery?: (response: ServerResponse) => void
  token?: (response: ServerResponse) => void
}

/** A provider that does what a test tells it to. */
async function provider(t: Test, settings: Partial<OidcSettings> = {}, userInfo?: Claims) {
  const faults: Faults = {}
  const clock = { now: 0 }
  const { privateKey, publicKey } = await generateKeyPair('RS256')
  const key = await exportJWK(publicKey)
  let nonce = ''
  const json = (response: ServerResponse, body: object, status = 200) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  const server = createServer((request, response) => {
    void (async () => {
      if (request.url === '/.well-known/openid-configuration') {
        if (faults.discovery !== undefined) return faults.discovery(response)
        return json(response, {
          issuer,
          authorization_endpoint: `${issuer}${faults.authorize ?? '/authorize'}`,
          token_endpoint: `${issuer}/token`,
          jwks_uri: `${issuer}/keys`,
          ...(userInfo && { userinfo_endpoint: `${issuer}/user` }),
          authorization_response_iss_parameter_supported: true,
          id_token_signing_alg_values_supported: ['RS256'],
        })
      }
      if (request.url === '/user') return json(response, userInfo ?? {})
      if (request.url === '/keys') return json(response, { keys: [key] })
      if (faults.token !== undefined) return faults.token(response)
      const at = Math.floor(Date.now() / 1000)
      const good = { iss: issuer, aud: 'app', sub: 'u1', nonce, iat: at, exp: at + 60 }
      const claims = { ...good, preferred_username: 'alice', groups: ['sales'], ...faults.claims }
      const token = faults.unsigned
        ? new UnsecuredJWT(claims).encode()
        : await new SignJWT(claims).setProtectedHeader({ alg: 'RS256' }).sign(privateKey)
      return json(response, { access_token: 'a', token_type: 'Bearer', id_token: token })
    })()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const signIn = new OidcSignIn(
    {
      ...{ issuer, clientId: 'app', scopes: ['openid'], ca: [] },
      ...{ userClaim: 'preferred_username', groupsClaim: 'groups', ...settings },
    },
    'https://mdm.example',
    () => clock.now,
  )
  const attempt = async (changes: Partial<Faults> = {}, query: Readonly<Record<string, string>> = {}) => {
    Object.assign(faults, { claims: {}, unsigned: false, discovery: undefined, token: undefined }, changes)
    const { transaction } = await signIn.start()
    nonce = transaction.nonce
    const answered = { code: 'c', state: transaction.state, iss: issuer, ...query }
    return signIn.finish(new URLSearchParams(answered).toString(), transaction)
  }
  return { attempt, json, signIn, faults, clock }
}

const refused = { code: 'sign-in.provider-refused' }
const unavailable = { code: 'sign-in.unavailable' }

t.test(
  'what a provider says of somebody else, for somebody else or for another time, signs nobody in',
  async (t) => {
    const { attempt } = await provider(t)
    t.match(await attempt(), { name: 'alice', groups: ['sales'] })
    const now = Math.floor(Date.now() / 1000)
    const wrong: Readonly<Record<string, Claims>> = {
      'another issuer': { iss: 'https://evil.example' },
      'another audience': { aud: 'another' },
      'several audiences, and none of them is meant': { aud: ['app', 'another'] },
      'another party': { aud: ['app', 'another'], azp: 'another' },
      'another sign-in': { nonce: 'another' },
      'no nonce': { nonce: undefined },
      'an end long ago': { exp: now - 3600 },
      'no user': { sub: undefined },
      'no name': { preferred_username: undefined },
      'a name that is no text': { preferred_username: ['alice'] },
      'an empty name': { preferred_username: '' },
    }
    for (const [what, claims] of Object.entries(wrong)) await t.rejects(attempt({ claims }), refused, what)
    await t.rejects(attempt({ unsigned: true }), refused, 'a token that nobody signed')
    await t.rejects(attempt({}, { state: 'another' }), refused, 'an answer to another browser')
    await t.rejects(attempt({}, { iss: 'https://evil.example' }), refused, 'an answer of another provider')
    await t.rejects(attempt({}, { error: 'access_denied' }), refused, 'the user has said no')
    t.match(await attempt(), { name: 'alice' })
  },
)

t.test(
  'a provider that moves its endpoints is followed, and one that does not tell keeps those it had',
  async (t) => {
    const { signIn, faults, clock } = await provider(t)
    const place = async () => new URL((await signIn.start()).location).pathname
    t.equal(await place(), '/authorize')
    faults.authorize = '/v2/authorize'
    clock.now += 59 * 60_000
    t.equal(await place(), '/authorize')
    clock.now += 60_000
    t.equal(await place(), '/v2/authorize')
    faults.discovery = (response) => void response.writeHead(503).end()
    clock.now += 3 * 3_600_000
    t.equal(await place(), '/v2/authorize')
    Object.assign(faults, { authorize: '/v3/authorize', discovery: undefined })
    clock.now += 3_600_000
    t.equal(await place(), '/v3/authorize')
  },
)

t.test(
  'what the token does not tell the provider is asked, and the token goes before the answer',
  async (t) => {
    const told = { preferred_username: 'mallory', groups: ['phones'], name: 'Alice Weber' }
    const claims = { groups: undefined }
    const { attempt } = await provider(t, {}, { sub: 'u1', ...told })
    t.strictSame(await attempt({ claims }), { name: 'alice', groups: ['phones'], fullName: 'Alice Weber' })
    const { attempt: elsewhere } = await provider(t, {}, { sub: 'u2', ...told })
    await t.rejects(elsewhere({ claims }), refused, 'it speaks of somebody else')
  },
)

t.test('an address that nobody has verified is nobody’s name', async (t) => {
  const { attempt } = await provider(t, { userClaim: 'email' })
  const email = 'ceo@example.com'
  await t.rejects(attempt({ claims: { email, email_verified: false } }), refused)
  await t.rejects(attempt({ claims: { email, email_verified: 'false' } }), refused, 'as text')
  t.match(await attempt({ claims: { email, email_verified: true } }), { name: email })
})

t.test('a name that could be taken for another’s is none', async (t) => {
  for (const name of [
    '',
    '   ',
    '\u212aim',
    'ａdmin',
    'al\u200bice',
    'al\nice',
    'a\u202eb',
    'al\u00a0ice',
    'x'.repeat(257),
    '\ud800',
  ])
    t.throws(() => signInName(name), refused, JSON.stringify(name))
  t.equal(signInName(' Zoe\u0308 Weiß '), 'Zoë Weiß', 'in one spelling')
  for (const name of ['alice', 'EXAMPLE\\alice', 'alice@example.com', '王芳', 'محمد', 'Łukasz'])
    t.equal(signInName(name), name)
})

t.test(
  'a provider that is away or talks rubbish is no verdict on the user, and is asked again',
  async (t) => {
    const { attempt, json } = await provider(t)
    const html = (response: ServerResponse) =>
      void response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Maintenance</h1>')
    const broken = (response: ServerResponse) => void response.destroy()
    const busy = (response: ServerResponse) => void json(response, { error: 'x' }, 503)
    const cut = (response: ServerResponse) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '500' }).write('{"iss')
      setTimeout(() => response.destroy(), 50)
    }
    const another = (response: ServerResponse) => void json(response, { issuer: 'https://evil.example' })
    for (const discovery of [busy, html, broken, cut, another])
      await t.rejects(attempt({ discovery }), unavailable)
    t.match(await attempt(), { name: 'alice' }, 'it is back')
    const stranger = (response: ServerResponse) => void json(response, { error: 'invalid_client' }, 401)
    const challenge = (response: ServerResponse) =>
      void response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
    const rubbish = (response: ServerResponse) => void json(response, ['?'])
    for (const token of [busy, html, broken, cut, stranger, challenge])
      await t.rejects(attempt({ token }), unavailable)
    await t.rejects(attempt({ token: rubbish }), { code: /^sign-in\./ })
    const used = (response: ServerResponse) => void json(response, { error: 'invalid_grant' }, 400)
    await t.rejects(attempt({ token: used }), refused, 'a code that is no good')
    t.match(await attempt(), { name: 'alice' })
  },
)

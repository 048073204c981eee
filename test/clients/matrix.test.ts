import t from 'tap'
import { clientKey } from '../../src/clients/client-key.ts'
import { matrix } from '../../src/clients/matrix.ts'
import type { ReasonCode } from '../../src/domain/reason.ts'
import {
  aHead,
  anAnswer,
  aRefusal,
  aRequest,
  aService,
  dependencies,
  type GivenRequest,
  html,
} from './helpers/given.ts'

const protocol = matrix(aService({ kind: 'matrix' }), dependencies())
const deviceKey = clientKey('svc', 'claimed', 'matrix', 'device', 'alice', 'ABCDEFG')
const tokenKey = (token: string) => clientKey('svc', 'claimed', 'matrix', 'token', token)
const api = '/_matrix/client/v3'
const login = (body: object | string, path = `${api}/login`): GivenRequest => ({
  method: 'POST',
  target: path,
  headers: [['Content-Type', 'application/json']],
  body: typeof body === 'string' ? body : JSON.stringify(body),
})
const bearer = (token: string) => ['Authorization', `Bearer ${token}`] as const
const identify = async (given: GivenRequest) => protocol.identify(aRequest(given))
const refused = (given: GivenRequest, reason: ReasonCode) => {
  const answer = protocol.refuse(aHead(given), aRefusal(reason, { help: 'Join the VPN.' }))
  return {
    ...answer,
    fields: Object.fromEntries(answer.headers),
    json: answer.body === '' ? {} : JSON.parse(String(answer.body)),
  }
}

t.test('a login names its user and device, in the form of each version of the API', async (t) => {
  const bodies = [
    login({
      type: 'm.login.password',
      identifier: { type: 'm.id.user', user: '@Alice:example.org' },
      device_id: 'ABCDEFG',
    }),
    login(
      { type: 'm.login.password', user: '@alice:example.org', device_id: 'ABCDEFG' },
      '/_matrix/client/r0/login',
    ),
    login({ username: '@alice:example.org', device_id: 'ABCDEFG' }, `${api}/register`),
  ]
  for (const body of bodies) {
    t.equal(protocol.readsBody(aHead(body)), true)
    t.match(await identify(body), {
      user: '@alice:example.org',
      keys: [deviceKey],
      signIn: true,
      navigation: false,
    })
  }
  const short = await identify(login({ identifier: { user: 'alice' }, device_id: 'ABCDEFG' }))
  t.match(short, { keys: [deviceKey], signIn: true })
  t.equal(short.user, undefined, 'half a name is not the name that the record holds')
})

t.test('a login that could name two users or devices is refused', async (t) => {
  const cases: readonly (readonly [GivenRequest, ReasonCode])[] = [
    [login({ identifier: { user: 'alice' }, user: 'bob' }), 'client.ambiguous'],
    [login('{"user":"alice","device_id":"A","device_id":"B"}'), 'http.malformed'],
    [login('{"user":"alice","device_id":"A","device\\u005fid":"B"}'), 'http.malformed'],
    [login(`${'['.repeat(40)}${']'.repeat(40)}`), 'http.malformed'],
    [login('[]'), 'http.malformed'],
    [login('{"user":"alice"'), 'http.malformed'],
    [{ ...login({ user: 'alice' }), headers: [['Content-Encoding', 'gzip']] }, 'client.ambiguous'],
  ]
  for (const [given, reason] of cases)
    t.match(await identify(given), { refuse: reason, keys: [] }, String(given.body))
})

t.test('the answer to a login registers the device and binds its tokens', async (t) => {
  const request = aRequest(login({ identifier: { user: 'alice' } }))
  const identification = await protocol.identify(request)
  const body = {
    user_id: '@Alice:example.org',
    device_id: 'ABCDEFG',
    access_token: 'at',
    refresh_token: 'rt',
    expires_in_ms: 300_000,
  }
  t.equal(protocol.readsAnswer(request, identification, anAnswer(200)), true)
  t.strictSame(protocol.observe(request, identification, anAnswer(200, [], body)), {
    accepted: { user: '@alice:example.org', keys: [deviceKey], claimedId: 'ABCDEFG' },
    grants: [{ ...tokenKey('at'), expiresAt: 1_800_000_300_000 }, tokenKey('rt')],
  })
  t.strictSame(protocol.observe(request, identification, anAnswer(403, [], body)), {})
  t.strictSame(protocol.observe(request, identification, anAnswer(200, [], 'not JSON')), {})
  t.strictSame(protocol.observe(request, identification, anAnswer(200)), {}, 'an answer too long to be read')
  const { access_token: _, ...incomplete } = body
  t.strictSame(protocol.observe(request, identification, anAnswer(200, [], incomplete)), {})
  const guest = aRequest(login({}, `${api}/register?kind=guest`))
  t.strictSame(
    protocol.observe(guest, await protocol.identify(guest), anAnswer(200, [], body)),
    {},
    'a guest',
  )
})

t.test('a token names the device that it was issued to, in the header or the query', async (t) => {
  t.strictSame((await identify({ target: `${api}/sync`, headers: [bearer('at')] })).keys, [tokenKey('at')])
  t.strictSame((await identify({ target: `${api}/sync?access_token=at` })).keys, [tokenKey('at')])
  t.strictSame((await identify({ target: `${api}/sync` })).keys, [])
  const two: GivenRequest[] = [
    { target: `${api}/sync?access_token=other`, headers: [bearer('at')] },
    { target: `${api}/sync?%61ccess_token=other`, headers: [bearer('at')] },
    { target: `${api}/sync?access_token=a&access_token=b` },
  ]
  for (const given of two)
    t.match(await identify(given), { refuse: 'client.ambiguous' }, String(given.target))
})

t.test(
  'a refresh is known by its refresh token and binds the new ones; a logout ends its token',
  async (t) => {
    const refresh = aRequest(login({ refresh_token: 'rt' }, `${api}/refresh`))
    const identification = await protocol.identify(refresh)
    t.match(identification, { keys: [tokenKey('rt')], signIn: false })
    const given = anAnswer(200, [], { access_token: 'at2', refresh_token: 'rt2' })
    t.strictSame(protocol.observe(refresh, identification, given), {
      grants: [tokenKey('at2'), tokenKey('rt2')],
    })
    const logout = aRequest({ method: 'POST', target: `${api}/logout`, headers: [bearer('at')] })
    const leaving = await protocol.identify(logout)
    t.equal(protocol.watches(logout, leaving), true)
    t.strictSame(protocol.observe(logout, leaving, anAnswer(200)), { revokes: [tokenKey('at')] })
    t.strictSame(protocol.observe(logout, leaving, anAnswer(401)), {})
  },
)

t.test('no refusal makes a client throw its keys away', async (t) => {
  const sync: GivenRequest = { target: `${api}/sync`, headers: [bearer('at')] }
  const reasons: ReasonCode[] = [
    'device.unregistered', 'device.redirected', 'device.awaiting-approval', 'device.blocked', 'device.noncompliant',
    'device.unmanaged', 'device.conflict', 'device.posture-unknown', 'device.cut-off', 'access.no-rule',
    'registration.limit', 'client.unidentified', 'client.user-mismatch', 'client.ambiguous', 'http.malformed',
    'state.unavailable', 'upstream.unreachable', 'gateway.failure', 'limit.body-size', 'token.missing',
    'token.inactive', 'token.unknown', 'token.malformed', 'token.too-many', 'app.other-user', 'app.stale',
  ] // biome-ignore format: a list
  for (const reason of reasons) {
    for (const given of [sync, login({}), login({}, `${api}/refresh`), { ...sync, headers: [] }]) {
      const { status, json, fields } = refused(given, reason)
      if (status === 401) t.equal(json.soft_logout, true, reason)
      t.match(json, { errcode: /^M_/, error: /Reference: q1w2e3r4$/ }, reason)
      t.equal(fields['Access-Control-Allow-Origin'], '*')
      t.notOk(status >= 300 && status < 400, reason)
    }
  }
})

t.test('each refusal has the words that its situation asks for', async (t) => {
  const sync: GivenRequest = { target: `${api}/sync`, headers: [bearer('at')] }
  t.match(refused(sync, 'device.unregistered'), {
    status: 401,
    json: { errcode: 'M_UNKNOWN_TOKEN', soft_logout: true },
  })
  t.match(refused(sync, 'device.blocked'), {
    status: 401,
    json: { errcode: 'M_USER_LOCKED', soft_logout: true },
  })
  for (const reason of ['token.missing', 'token.inactive', 'token.unknown'] as const) {
    const locked = { status: 401, json: { errcode: 'M_USER_LOCKED', soft_logout: true } }
    t.match(refused(sync, reason), locked, 'it is there again once its device has a valid token')
    t.match(refused(login({}), reason), { status: 403, json: { errcode: 'M_FORBIDDEN' } })
  }
  t.match(refused(sync, 'token.too-many'), { status: 429, json: { errcode: 'M_LIMIT_EXCEEDED' } })
  t.match(refused(login({}), 'device.unregistered'), {
    status: 403,
    json: { errcode: 'M_FORBIDDEN', error: /Join the VPN/ },
  })
  const unknown = refused(sync, 'device.posture-unknown')
  t.match(unknown, { status: 429, json: { errcode: 'M_LIMIT_EXCEEDED', retry_after_ms: 60_000 } })
  t.equal(unknown.fields['Retry-After'], '60')
  t.match(refused(sync, 'state.unavailable'), { status: 503, json: { errcode: 'M_UNKNOWN' } })
  t.match(refused({ target: '/_matrix/media/v3/download/a/b' }, 'device.unregistered'), { status: 404 })
  t.match(refused({ target: `${api}/sync`, method: 'OPTIONS' }, 'device.unregistered'), { status: 204 })
  t.match(refused({ target: `${api}/sync`, method: 'OPTIONS' }, 'http.malformed'), { status: 400 })
})

t.test('the browser’s part of a single sign-on is a browser, the app is never redirected', async (t) => {
  const redirect = {
    location: new URL('https://vpn.example.com'),
    navigationUrl: 'https://vpn.example.com/r',
    refusal: aRefusal('device.redirected'),
  }
  const leg = { target: `${api}/login/sso/redirect/oidc?redirectUrl=x`, headers: html }
  t.equal((await identify(leg)).navigation, true)
  t.match(protocol.redirect(aHead(leg), redirect), { status: 302 })
  t.match(Object.fromEntries(protocol.refuse(aHead(leg), aRefusal('device.unregistered')).headers), {
    'Content-Type': /html/,
  })
  t.equal(protocol.redirect(aHead({ target: `${api}/sync`, headers: html }), redirect), undefined)
  t.equal(protocol.redirect(aHead(login({})), redirect), undefined)
})

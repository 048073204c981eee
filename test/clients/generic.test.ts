import t from 'tap'
import { clientKey } from '../../src/clients/client-key.ts'
import { generic } from '../../src/clients/generic.ts'
import { TokenInvalid } from '../../src/clients/verify-token.ts'
import type { GenericSettings } from '../../src/domain/service.ts'
import {
  aCertificate,
  aHead,
  anAnswer,
  aRefusal,
  aRequest,
  aService,
  dependencies,
  type GivenRequest,
} from './helpers/given.ts'

const settings: GenericSettings = {
  device: [{ from: 'header', name: 'X-Device' }],
  user: { from: 'basic' },
  success: { status: [200] },
}
const make = (given: Partial<GenericSettings> = {}, more: Parameters<typeof dependencies>[0] = {}) =>
  generic(aService({ kind: 'generic', generic: { ...settings, ...given } }), dependencies(more))
const basic = ['Authorization', `Basic ${Buffer.from('Alice:x').toString('base64')}`] as const
const key = (...parts: string[]) => clientKey('svc', 'claimed', 'generic', ...parts)

t.test('the settings say where device and user stand', async (t) => {
  const form = [['Content-Type', 'application/x-www-form-urlencoded']] as const
  const json = [['Content-Type', 'application/json; charset=utf-8']] as const
  const cases: readonly (readonly [GenericSettings['device'][number], GivenRequest])[] = [
    [{ from: 'header', name: 'X-Device' }, { headers: [['x-device', 'D1']] }],
    [{ from: 'query', name: 'device' }, { target: '/?device=D%31' }],
    [{ from: 'cookie', name: 'device' }, { headers: [['Cookie', 'a=b; device=D1']] }],
    [
      { from: 'form', name: 'device' },
      { method: 'POST', headers: form, body: 'device=D1' },
    ],
    [
      { from: 'json', name: 'client.device' },
      { method: 'POST', headers: json, body: '{"client":{"device":"D1"}}' },
    ],
    [{ from: 'claim', name: 'device' }, { headers: [] }],
  ]
  for (const [extractor, given] of cases) {
    const claims = extractor.from === 'claim'
    const bearer = {
      issuer: 'https://i',
      audience: ['a'],
      algorithms: ['ES256'],
      userClaim: 'u',
      deviceClaim: 'd',
    }
    const protocol = make(
      { device: [extractor], ...(claims && { bearer, user: { from: 'claim', name: 'user' } }) },
      { verifyToken: async () => ({ device: 'D1', user: 'Alice' }) },
    )
    const headers = [...(given.headers ?? []), claims ? (['Authorization', 'Bearer t'] as const) : basic]
    const identification = await protocol.identify(aRequest({ ...given, headers }))
    t.match(identification, { user: 'alice', keys: [key('D1', 'alice')], signIn: true }, extractor.from)
  }
})

t.test('a value that comes twice is refused, and one that is missing names no device', async (t) => {
  const device = (value: string) => ['X-Device', value] as const
  t.match(await make().identify(aRequest({ headers: [device('a'), device('b'), basic] })), {
    refuse: 'client.ambiguous',
  })
  t.match(await make().identify(aRequest({ headers: [basic] })), { refuse: 'client.unidentified', keys: [] })
  t.match(await make().identify(aRequest({ headers: [device('')] })), { refuse: 'client.unidentified' })
  const both = make({
    device: [
      { from: 'header', name: 'X-Device' },
      { from: 'query', name: 'd' },
    ],
  })
  t.match(await both.identify(aRequest({ headers: [device('a'), basic] })), { refuse: 'client.unidentified' })
  const inJson = make({ device: [{ from: 'json', name: 'd' }] })
  const json = ['Content-Type', 'application/json'] as const
  t.match(await inJson.identify(aRequest({ method: 'POST', headers: [json], body: '{"d":"a\\u0000b"}' })), {
    refuse: 'client.ambiguous',
  })
})

t.test('a token that does not verify is refused', async (t) => {
  const bearer = {
    issuer: 'https://i',
    audience: ['a'],
    algorithms: ['ES256'],
    userClaim: 'u',
    deviceClaim: 'd',
  }
  const protocol = make({ bearer }, { verifyToken: () => Promise.reject(new TokenInvalid()) })
  t.match(await protocol.identify(aRequest({ headers: [['Authorization', 'Bearer t']] })), {
    refuse: 'client.token-invalid',
  })
  const answer = protocol.refuse(aHead(), aRefusal('client.token-invalid'))
  t.match(Object.fromEntries(answer.headers), { 'WWW-Authenticate': /^Bearer/ })
})

t.test('an identity of certificate fields alone is proved on each request', async (t) => {
  const protocol = make({
    device: [{ from: 'certificate', name: 'serialNumber' }],
    user: { from: 'certificate', name: 'upn' },
  })
  const identification = await protocol.identify(
    aRequest({ connection: { clientCertificate: aCertificate } }),
  )
  t.strictSame(
    identification.keys.map(({ binding }) => binding),
    ['certificate', 'certificate'],
  )
  t.equal(identification.user, 'alice@example.com')
})

t.test('only the answers that the settings name accept the credentials', async (t) => {
  const headers = [['X-Device', 'D1'], basic] as const
  const observe = async (protocol: ReturnType<typeof make>, given: GivenRequest, status: number) => {
    const request = aRequest({ headers, ...given })
    return protocol.observe(request, await protocol.identify(request), anAnswer(status))
  }
  t.strictSame(await observe(make(), {}, 200), { accepted: { user: 'alice' } })
  t.strictSame(await observe(make(), {}, 204), {})
  t.strictSame(await observe(make(), { headers: [['X-Device', 'D1']] }, 200), {}, 'no user')
  const signIn = make({ signIn: { method: 'POST', path: '/login' } })
  t.strictSame(await observe(signIn, { target: '/other' }, 200), {})
  t.strictSame(await observe(signIn, { method: 'POST', target: '/login' }, 200), {
    accepted: { user: 'alice' },
  })
})

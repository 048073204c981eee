import t from 'tap'
import { browser } from '../../src/clients/browser.ts'
import { clientKey } from '../../src/clients/client-key.ts'
import type { SignIn } from '../../src/domain/service.ts'
import {
  aCertificate,
  aHead,
  anAnswer,
  aRefusal,
  aRequest,
  aService,
  dependencies,
  html,
} from './helpers/given.ts'

const signIn: SignIn = {
  method: 'POST',
  path: '/login',
  user: { from: 'form', name: 'username' },
  success: { status: [302], setCookie: 'SESSION', notLocation: '/login' },
}
const protocol = browser(aService({ kind: 'browser', signIn }), dependencies())
const open = browser(aService({ kind: 'browser', signIn: 'none' }), dependencies())
const secret = 's'.repeat(43)
const form: readonly [string, string] = ['Content-Type', 'application/x-www-form-urlencoded']

t.test('a browser is known by its device cookie', async (t) => {
  const cookie = ['Cookie', `a=b; __Host-gatehouse-device=${secret}; c=d`] as const
  const identification = await protocol.identify(aRequest({ headers: [cookie, ...html] }))
  t.match(identification, { keys: [clientKey('svc', 'cookie', secret)], signIn: false, navigation: true })
  t.equal(identification.refuse, undefined)
})

t.test('a cookie without the __Host- prefix counts on plain http alone', async (t) => {
  const headers = [['Cookie', `gatehouse-device=${secret}`]] as const
  t.strictSame((await protocol.identify(aRequest({ headers }))).keys, [])
  t.equal((await protocol.identify(aRequest({ headers, scheme: 'http' }))).keys.length, 1)
})

t.test('a device cookie that came twice or is malformed is refused, and the page removes it', async (t) => {
  const name = '__Host-gatehouse-device'
  for (const value of [`${name}=${secret}; ${name}=${'x'.repeat(43)}`, `${name}=short`, `${name}=`]) {
    const identification = await protocol.identify(aRequest({ headers: [['Cookie', value]] }))
    t.match(identification, { keys: [], refuse: 'client.cookie-invalid' }, value)
  }
  const page = protocol.refuse(aHead({ headers: html }), aRefusal('client.cookie-invalid'))
  t.match(Object.fromEntries(page.headers), { 'Set-Cookie': /^__Host-gatehouse-device=; .*Max-Age=0$/ })
})

t.test('the certificate comes before the cookie', async (t) => {
  const identification = await protocol.identify(
    aRequest({
      headers: [['Cookie', `__Host-gatehouse-device=${secret}`]],
      connection: { clientCertificate: aCertificate },
    }),
  )
  t.strictSame(
    identification.keys.map((key) => key.binding),
    ['certificate', 'cookie'],
  )
  t.equal(identification.user, undefined, 'the sign-in names the user, not the certificate')
})

t.test('the sign-in names the user', async (t) => {
  const head = {
    method: 'POST',
    target: '/login',
    headers: [form],
    body: 'username=%41lice%40example.com&password=x',
  }
  t.equal(protocol.readsBody(aHead(head)), true)
  t.match(await protocol.identify(aRequest(head)), { user: 'alice@example.com', signIn: true })
  t.equal(protocol.readsBody(aHead({ ...head, target: '/other' })), false)
})

t.test('a sign-in that could name two users is refused', async (t) => {
  const cases = [
    { body: 'username=alice&username=bob' },
    { body: 'username=alice', target: '/login?username=bob' },
    { body: 'username=alice', headers: [form, ['Content-Encoding', 'gzip'] as const] },
    { body: '--x', headers: [['Content-Type', 'multipart/form-data; boundary=x'] as const] },
    { body: 'username=al%00ice', reason: 'http.malformed' },
    { body: 'username=al%0aice' },
    { body: 'username=%ff', reason: 'http.malformed' },
  ]
  for (const { reason = 'client.ambiguous', ...given } of cases) {
    const request = aRequest({ method: 'POST', target: '/login', headers: [form], ...given })
    t.equal((await protocol.identify(request)).refuse, reason, given.body)
  }
})

t.test('only the answer that the settings describe accepts a sign-in', async (t) => {
  const request = aRequest({ method: 'POST', target: '/login', headers: [form], body: 'username=alice' })
  const identification = await protocol.identify(request)
  const observe = (status: number, ...headers: [string, string][]) =>
    protocol.observe(request, identification, anAnswer(status, headers)).accepted
  t.strictSame(observe(302, ['set-cookie', 'SESSION=abc; Path=/'], ['location', '/home']), { user: 'alice' })
  t.equal(observe(200, ['set-cookie', 'SESSION=abc']), undefined, 'another status')
  t.equal(observe(302), undefined, 'no cookie')
  t.equal(observe(302, ['set-cookie', 'SESSION=']), undefined, 'an empty cookie')
  t.equal(observe(302, ['set-cookie', 'SESSION=abc; Max-Age=0']), undefined, 'a cookie removed')
  t.equal(observe(302, ['set-cookie', 'SESSION=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT']), undefined)
  t.equal(observe(302, ['set-cookie', 'XSESSION=abc']), undefined, 'another cookie')
  t.equal(observe(302, ['set-cookie', 'SESSION=abc'], ['location', '/login?error']), undefined)
  const other = aRequest({ method: 'POST', target: '/comment', headers: [form], body: 'username=alice' })
  const elsewhere = protocol.observe(
    other,
    await protocol.identify(other),
    anAnswer(302, [['set-cookie', 'SESSION=a']]),
  )
  t.strictSame(elsewhere, {}, 'another request')
})

t.test('a sign-in beside a planted cookie registers nothing', async (t) => {
  const planted = ['Cookie', '__Host-gatehouse-device=planted'] as const
  const request = aRequest({
    method: 'POST',
    target: '/login',
    headers: [form, planted],
    body: 'username=alice',
  })
  const identification = await protocol.identify(request)
  t.match(identification, { refuse: 'client.cookie-invalid', signIn: true })
  t.strictSame(protocol.observe(request, identification, anAnswer(302, [['set-cookie', 'SESSION=a']])), {})
})

t.test('without a sign-in, a navigation that succeeds registers', async (t) => {
  const visit = aRequest({ headers: html })
  const identification = await open.identify(visit)
  t.strictSame(open.observe(visit, identification, anAnswer(200)), { accepted: { user: 'anonymous' } })
  t.strictSame(open.observe(visit, identification, anAnswer(502)), {})
  const withCertificate = aRequest({ headers: html, connection: { clientCertificate: aCertificate } })
  const known = await open.identify(withCertificate)
  t.strictSame(open.observe(withCertificate, known, anAnswer(200)), {
    accepted: { user: 'alice@example.com' },
  })
  const script = aRequest({ headers: [['Sec-Fetch-Mode', 'cors']] })
  t.strictSame(open.observe(script, await open.identify(script), anAnswer(200)), {})
})

t.test('a navigation is answered with a page, everything else with a problem document', async (t) => {
  const type = (given: Parameters<typeof aHead>[0]) =>
    Object.fromEntries(protocol.refuse(aHead(given), aRefusal('device.unregistered')).headers)['Content-Type']
  t.equal(type({ headers: html }), 'text/html; charset=utf-8')
  t.equal(
    type({ headers: [['Accept', 'text/html,application/xhtml+xml;q=0.9']] }),
    'text/html; charset=utf-8',
  )
  t.equal(type({ headers: [['Accept', 'application/json, text/html']] }), 'application/problem+json')
  t.equal(
    type({
      headers: [
        ['Sec-Fetch-Mode', 'navigate'],
        ['Sec-Fetch-Dest', 'iframe'],
      ],
    }),
    'application/problem+json',
  )
  t.equal(type({ headers: html, upgrade: 'websocket' }), 'application/problem+json')
  t.equal(type({ headers: [['Accept', '*/*']] }), 'application/problem+json')
})

t.test('only a navigation that carries nothing is redirected', async (t) => {
  const redirect = {
    location: new URL('https://register.vpn.example.com'),
    navigationUrl: 'https://register.vpn.example.com/.gatehouse/register?departure=x',
    refusal: aRefusal('device.redirected'),
  }
  const answer = protocol.redirect(aHead({ headers: html }), redirect)
  t.match(answer, { status: 302 })
  t.equal(Object.fromEntries(answer?.headers ?? []).Location, redirect.navigationUrl)
  t.equal(protocol.redirect(aHead({ headers: html, method: 'POST' }), redirect), undefined)
  t.equal(protocol.redirect(aHead({ headers: [['Accept', '*/*']] }), redirect), undefined)
})

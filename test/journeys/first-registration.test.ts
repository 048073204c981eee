import t from 'tap'
import { chatBehindGateway as chat, internet, signIn, wifi } from '../helpers/chat.ts'
import { ask, form, navigation } from '../helpers/http-client.ts'

t.test(
  'an unknown device is refused, registers from the certificate Wi-Fi, and then connects from anywhere',
  async (t) => {
    const { service, gateway, target } = await chat(t)

    const refused = await ask({ ...target, from: internet, path: '/api/messages' })
    t.equal(refused.status, 403)
    t.match(refused.headers['content-type'], 'application/problem+json')
    t.match(JSON.parse(refused.body), { type: 'urn:gatehouse:reason:device.redirected' })
    t.equal(service.requests.length, 0, 'nothing reached the upstream')

    const signedIn = await signIn(gateway, wifi)
    t.match(String(signedIn.status), /30[23]/)
    t.ok(signedIn.cookies.some((cookie) => cookie.startsWith('__Host-gatehouse-device=')))

    const cookie = signedIn.cookies.join('; ')
    const accepted = await ask({ ...target, from: internet, path: '/api/messages', headers: { cookie } })
    t.equal(accepted.status, 200)
  },
)

t.test('a wrong password registers nothing', async (t) => {
  const { gateway, target } = await chat(t)
  const answer = await ask({
    ...target,
    from: wifi,
    method: 'POST',
    path: '/login',
    headers: form,
    body: 'username=alice&password=guess',
  })
  t.notOk(answer.cookies.some((cookie) => cookie.includes('gatehouse')))
  t.strictSame(await (await gateway.openStore()).registrations.list({ limit: 10 }), [])
})

t.test('the right password from the internet registers nothing and never reaches the upstream', async (t) => {
  const { service, gateway } = await chat(t)
  const answer = await signIn(gateway, internet)
  t.equal(answer.status, 403)
  t.equal(service.requests.length, 0)
  t.strictSame(await (await gateway.openStore()).registrations.list({ limit: 10 }), [])
})

t.test('a device cookie that nobody issued opens nothing', async (t) => {
  const { target } = await chat(t)
  const cookie = `__Host-gatehouse-device=${'A'.repeat(43)}`
  t.equal((await ask({ ...target, from: internet, path: '/api/messages', headers: { cookie } })).status, 403)
})

t.test('the upstream never sees Gatehouse’s cookie, and learns who the device is', async (t) => {
  const { service, gateway, target } = await chat(t)
  const { cookies } = await signIn(gateway, wifi)
  await ask({
    ...target,
    from: internet,
    path: '/api/messages',
    headers: { cookie: cookies.join('; '), 'gatehouse-user': 'mallory', 'X-Gatehouse-Device': 'forged' },
  })
  const seen = service.requests.at(-1)
  t.notMatch(seen?.headers.cookie, /gatehouse/)
  t.equal(seen?.headers['gatehouse-user'], 'alice')
  t.match(seen?.headers['gatehouse-device'], /^r_/)
  t.equal(seen?.headers['x-gatehouse-device'], undefined)
  t.equal(seen?.headers['x-forwarded-for'], internet)
})

t.test('public paths need no device', async (t) => {
  const { target } = await chat(t)
  t.equal((await ask({ ...target, from: internet, path: '/healthcheck.htm' })).status, 200)
})

t.test('a browser is redirected to the registration address', async (t) => {
  const { target } = await chat(t)
  const answer = await ask({ ...target, from: internet, headers: navigation })
  t.equal(answer.status, 302)
  t.match(answer.headers.location, /^https:\/\/register\.localhost\/\.gatehouse\/register\?departure=/)
})

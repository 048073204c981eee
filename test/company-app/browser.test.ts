import t, { type Test } from 'tap'
import { startCollaboration } from '../../sim/collaboration.ts'
import { readRegistered } from '../../sim/launcher.ts'
import { chatBehindGateway, internet, signIn, wifi } from '../helpers/chat.ts'
import { appPolicy, companyApp, phoneOf } from '../helpers/company-app.ts'
import { type GatewayUnderTest, gatewayUnderTest } from '../helpers/gateway-under-test.ts'
import { ask, type ClientAnswer, navigation } from '../helpers/http-client.ts'

async function chatWithApp(t: Test, options: { policy?: string; now?: () => number; extra?: string } = {}) {
  const app = companyApp(t)
  const { gateway, service } = await chatBehindGateway(t, {
    settings: app.section,
    policy: appPolicy,
    ...options,
  })
  const phone = phoneOf(gateway, app.packageKey, { now: options.now ?? Date.now })
  const newLink = async () => readRegistered(await phone.register()).links[0]?.url ?? ''
  return { gateway, service, phone, newLink, app }
}

/** A browser opens an address of the chat. */
function browse(
  gateway: GatewayUnderTest,
  path: string,
  cookie?: string,
  from = internet,
): Promise<ClientAnswer> {
  const { pathname, search } = new URL(path, 'https://chat.localhost')
  return ask({
    port: gateway.tls,
    host: 'chat.localhost',
    ca: gateway.ca,
    from,
    path: pathname + search,
    headers: { ...navigation, ...(cookie !== undefined && { cookie }) },
  })
}

async function registered(gateway: GatewayUnderTest) {
  return (await gateway.openStore()).registrations.list({ limit: 10 })
}

const ticketCookie = '__Host-gatehouse-ticket'

t.test(
  'a browser that opens the link and signs in is bound to the app’s device, from anywhere',
  async (t) => {
    const { gateway, service, newLink } = await chatWithApp(t)
    t.equal((await browse(gateway, '/')).status, 403, 'a stranger')
    const opened = await browse(gateway, await newLink())
    t.match([opened.status, opened.headers.location], [303, '/'])
    const [cookie = ''] = opened.cookies
    t.match(cookie, new RegExp(`^${ticketCookie}=[\\w-]{43}$`))
    t.match(String(opened.headers['set-cookie']), /Secure; HttpOnly; Path=\/; SameSite=Lax; Max-Age=300/)

    t.equal((await browse(gateway, '/login', cookie)).status, 200, 'the link lets it to the sign-in')
    t.strictSame(await registered(gateway), [], 'which it has not done yet')
    const answer = await signIn(gateway, internet, { cookie })
    t.equal(answer.status, 302)
    t.ok(answer.cookies.includes(`${ticketCookie}=`), 'the link’s cookie is gone')
    t.match(await registered(gateway), [
      {
        registration: {
          user: 'alice',
          binding: 'cookie',
          evidence: ['app'],
          rule: 'Company app',
          deviceIds: { udid: '00008110000A1B2C3D4E801E', imei: ['35693803564380'] },
          appDeviceId: /^d_/,
        },
      },
    ])
    const device = answer.cookies.filter((one) => !one.startsWith(ticketCookie)).join('; ')
    t.equal((await browse(gateway, '/', device, '127.98.1.2')).status, 200)
    t.notMatch(JSON.stringify(service.requests.map(({ headers }) => headers)), 'gatehouse-ticket')
  },
)

t.test('a link is opened once; the browser that did may open it again', async (t) => {
  const { gateway, newLink } = await chatWithApp(t)
  const link = await newLink()
  const [cookie = ''] = (await browse(gateway, link)).cookies
  const again = await browse(gateway, link, cookie)
  t.match([again.status, again.cookies], [303, []])
  const other = await browse(gateway, link)
  t.equal(other.status, 403)
  t.match(other.body, 'This link does not work any more')
  t.match(other.body, 'press Register again')
  t.match(await gateway.accessLine(other.id), { reason: 'app.ticket-used', query: '[redacted]' })
})

t.test('a browser that looks ahead, or only asks for the head, does not use a link up', async (t) => {
  const { gateway, newLink } = await chatWithApp(t)
  const { pathname, search } = new URL(await newLink())
  const opened = (method: string, headers: Record<string, string>) =>
    ask({
      port: gateway.tls,
      host: 'chat.localhost',
      ca: gateway.ca,
      from: internet,
      method,
      path: pathname + search,
      headers: { ...navigation, ...headers },
    })
  for (const headers of [
    { 'sec-purpose': 'prefetch' },
    { 'sec-purpose': 'prefetch;prerender' },
    { purpose: 'prefetch' },
  ])
    t.match(await opened('GET', headers), { status: 503, cookies: [] })
  t.match(await opened('HEAD', {}), { status: 303, cookies: [] })
  for (const method of ['POST', 'OPTIONS', 'DELETE'])
    t.match(await opened(method, {}), { cookies: [] }, method)
  t.match(await opened('GET', {}), { status: 303, cookies: [/=/] })
})

t.test('a link registers one browser, also when two sign in with it at the same moment', async (t) => {
  const { gateway, newLink } = await chatWithApp(t)
  const [cookie = ''] = (await browse(gateway, await newLink())).cookies
  const both = await Promise.all([signIn(gateway, internet, { cookie }), signIn(gateway, wifi, { cookie })])
  t.strictSame(both.map(({ status }) => status).sort(), [302, 403])
  t.equal((await registered(gateway)).length, 1)
  const third = await signIn(gateway, internet, { cookie })
  t.equal(third.status, 403)
  t.equal((await registered(gateway)).length, 1)
})

t.test('the user who signs in must be the user of the app', async (t) => {
  const { gateway, service, newLink } = await chatWithApp(t)
  const [cookie = ''] = (await browse(gateway, await newLink())).cookies
  const reached = service.requests.length
  const bob = await signIn(gateway, internet, { user: 'bob', cookie })
  t.equal(bob.status, 403)
  t.match(await gateway.accessLine(bob.id), { reason: 'app.other-user' })
  t.equal(service.requests.length, reached, 'bob’s password did not go on')
  t.equal((await signIn(gateway, internet, { cookie })).status, 302, 'and alice may still')
  t.match(await registered(gateway), [{ registration: { user: 'alice' } }])
})

t.test('a wrong password registers nothing and leaves the link good', async (t) => {
  const { gateway, newLink } = await chatWithApp(t)
  const [cookie = ''] = (await browse(gateway, await newLink())).cookies
  const wrong = await ask({
    port: gateway.tls,
    host: 'chat.localhost',
    ca: gateway.ca,
    from: internet,
    method: 'POST',
    path: '/login',
    headers: { 'content-type': 'application/x-www-form-urlencoded', cookie },
    body: 'username=alice&password=guess',
  })
  t.not(wrong.status, 302)
  t.strictSame(await registered(gateway), [])
  t.equal((await signIn(gateway, internet, { cookie })).status, 302)
})

t.test('a link ends after five minutes, opened or not', async (t) => {
  let ahead = 0
  const { gateway, newLink } = await chatWithApp(t, { now: () => Date.now() + ahead })
  const [link, openedLink] = [await newLink(), await newLink()]
  t.equal((await browse(gateway, link)).status, 403, 'a newer link has taken its place')
  const [cookie = ''] = (await browse(gateway, openedLink)).cookies
  ahead = 301_000
  const late = await browse(gateway, openedLink)
  t.match([late.status, await gateway.accessLine(late.id)], [403, { reason: 'app.ticket-expired' }])
  t.equal((await signIn(gateway, internet, { cookie })).status, 403)
  t.strictSame(await registered(gateway), [])
})

t.test('a link of one service is nothing on another’s host', async (t) => {
  const { gateway, newLink } = await chatWithApp(t, {
    extra: `  - name: wiki
    hosts: [sso.localhost]
    upstream: ["http://127.0.0.1:1"]
    client: browser
    signIn: none`,
  })
  const { pathname, search } = new URL(await newLink())
  const answer = await ask({
    port: gateway.tls,
    host: 'sso.localhost',
    ca: gateway.ca,
    from: internet,
    path: pathname + search,
    headers: navigation,
  })
  t.match(await gateway.accessLine(answer.id), { reason: 'app.ticket-elsewhere', status: 403 })
})

t.test('what is no link is said to be none', async (t) => {
  const { gateway } = await chatWithApp(t)
  for (const path of [
    '/.gatehouse/app/bind',
    '/.gatehouse/app/bind?ticket=x',
    `/.gatehouse/app/bind?ticket=${'A'.repeat(43)}`,
  ]) {
    const answer = await browse(gateway, path)
    t.match(await gateway.accessLine(answer.id), { reason: 'app.ticket-unknown', status: 403 }, path)
  }
})

t.test('where nobody signs in, the link alone registers, for the user of the app', async (t) => {
  const wiki = await wikiBehindGateway(t)
  const url = readRegistered(await wiki.phone.register()).links[0]?.url ?? ''
  const { pathname, search } = new URL(url)
  const asked = (path: string, cookie = '') =>
    ask({
      port: wiki.gateway.tls,
      host: 'sso.localhost',
      ca: wiki.gateway.ca,
      from: internet,
      path,
      headers: { ...navigation, ...(cookie !== '' && { cookie }) },
    })
  t.equal((await asked('/healthcheck.htm')).status, 403)
  const [cookie = ''] = (await asked(pathname + search)).cookies
  const answer = await asked('/healthcheck.htm', cookie)
  t.equal(answer.status, 200)
  t.match(await registered(wiki.gateway), [{ registration: { user: 'alice', evidence: ['app'] } }])
  const device = answer.cookies.filter((one) => !one.startsWith(ticketCookie)).join('; ')
  t.equal((await asked('/healthcheck.htm', device)).status, 200)
})

t.test(
  'where nobody signs in, a page of another site cannot make its visitor somebody else unasked',
  async (t) => {
    const wiki = await wikiBehindGateway(t)
    const { pathname, search } = new URL(readRegistered(await wiki.phone.register()).links[0]?.url ?? '')
    const from = (site: string) =>
      ask({
        port: wiki.gateway.tls,
        host: 'sso.localhost',
        ca: wiki.gateway.ca,
        from: internet,
        path: pathname + search,
        headers: { ...navigation, 'sec-fetch-site': site },
      })
    for (const site of ['cross-site', 'same-site']) {
      const asked = await from(site)
      t.match(
        [asked.status, asked.cookies, asked.body],
        [200, [], /Register this browser\?[\s\S]*Go on as alice/],
      )
    }
    t.match(await from('same-origin'), { status: 303, cookies: [/=/] }, 'who presses the button')
  },
)

async function wikiBehindGateway(t: Test) {
  const service = await startCollaboration({ port: 0, host: '127.0.0.1' })
  t.teardown(() => service.close())
  const app = companyApp(t)
  const gateway = await gatewayUnderTest(t, {
    services: `  - name: wiki
    hosts: [sso.localhost]
    upstream: ["${service.url}"]
    client: browser
    signIn: none`,
    settings: app.section,
    policy: appPolicy,
  })
  return { gateway, phone: phoneOf(gateway, app.packageKey) }
}

t.test('a link does not lift a block: who is registered stays what it is', async (t) => {
  const { gateway, newLink } = await chatWithApp(t)
  const [cookie = ''] = (await browse(gateway, await newLink())).cookies
  const answer = await signIn(gateway, internet, { cookie })
  const device = answer.cookies.filter((one) => !one.startsWith(ticketCookie)).join('; ')
  const store = await gateway.openStore()
  const [phone] = await store.registrations.list({ limit: 1 })
  await store.registrations.block(phone?.registration.id ?? '', {
    name: 'admin',
    why: 'lost',
    at: Date.now(),
  })
  const [second = ''] = (await browse(gateway, await newLink())).cookies
  const blocked = await signIn(gateway, internet, { cookie: `${device}; ${second}` })
  t.match(await gateway.accessLine(blocked.id), { reason: 'device.blocked' })
})

import t, { type Test } from 'tap'
import { startLync } from '../../sim/lync.ts'
import { internet, vpn, wifi } from '../helpers/chat.ts'
import { eventually } from '../helpers/eventually.ts'
import { type GatewayUnderTest, gatewayUnderTest } from '../helpers/gateway-under-test.ts'
import { ask, type ClientAnswer, type ClientOptions, form } from '../helpers/http-client.ts'
import { registrationHost, useRegistrationPort } from '../helpers/registration-address.ts'
import { simulated } from '../helpers/simulation.ts'

const host = 'lync.localhost'
const applications = '/ucwa/oauth/v1/applications'
const passwords = { alice: 'wonderland', bob: 'builder' }
type Person = keyof typeof passwords

async function lyncBehindGateway(t: Test, publicPaths = '[/, "/autodiscover/*", "/webticket/*"]') {
  const server = await simulated(t, startLync, {})
  const gateway = await gatewayUnderTest(t, {
    services: `  - name: lync
    hosts: [${host}]
    upstream: ["${server.url}"]
    client: lync
    public: ${publicPaths}
    paths: { caseInsensitive: true }`,
  })
  await useRegistrationPort(gateway)
  return { server, gateway }
}

type Asked = Pick<ClientOptions, 'method' | 'headers' | 'body'> & {
  readonly host?: string
  readonly ticket?: string
}

function call(
  gateway: GatewayUnderTest,
  from: string,
  path: string,
  asked: Asked = {},
): Promise<ClientAnswer> {
  const { ticket, headers, ...rest } = asked
  const authorization = ticket === undefined ? {} : { authorization: `Bearer ${ticket}` }
  const options = { port: gateway.tls, host, ca: gateway.ca, from, path }
  return ask({ ...options, ...rest, headers: { ...headers, ...authorization } })
}

async function ticketOf(gateway: GatewayUnderTest, person: Person, from = internet): Promise<string> {
  const answer = await call(gateway, from, '/WebTicket/oauthtoken', {
    method: 'POST',
    headers: form,
    body: `grant_type=password&username=${person}%40example.com&password=${passwords[person]}`,
  })
  return (JSON.parse(answer.body) as { access_token: string }).access_token
}

function createApplication(
  gateway: GatewayUnderTest,
  from: string,
  { ticket, endpoint, ...rest }: { ticket: string; endpoint: string } & Asked,
): Promise<ClientAnswer> {
  return call(gateway, from, applications, {
    method: 'POST',
    ticket,
    body: JSON.stringify({ EndpointId: endpoint, UserAgent: 'LyncMobile', Culture: 'en-US', type: 'Phone' }),
    ...rest,
    headers: { 'content-type': 'application/json', accept: 'application/json', ...rest.headers },
  })
}

function reasonOf(answer: ClientAnswer): Record<string, unknown> {
  return JSON.parse(answer.body) as Record<string, unknown>
}

t.test('discovery leads to the VPN in its own terms, JSON and XML', async (t) => {
  const { server, gateway } = await lyncBehindGateway(t, '[]')
  const json = await call(gateway, internet, '/?sipuri=alice@example.com')
  t.equal(json.status, 200)
  const elsewhere = `https://${registrationHost}:${gateway.tls}/Autodiscover/AutodiscoverService.svc/root?sipuri=alice@example.com`
  t.strictSame(JSON.parse(json.body), { _links: { redirect: { href: elsewhere } } })
  const accept = 'application/vnd.microsoft.rtc.autodiscover+xml;v=1'
  const xml = await call(gateway, internet, '/Autodiscover/AutodiscoverService.svc/root', {
    headers: { accept },
  })
  t.match(xml.headers['content-type'], 'application/vnd.microsoft.rtc.autodiscover+xml')
  t.match(xml.body, `<Link token="Redirect" href="https://${registrationHost}:${gateway.tls}/`)
  t.equal(server.requests.length, 0)

  const { pathname, search } = new URL(elsewhere)
  const there = await call(gateway, vpn, pathname + search, { host: registrationHost })
  t.match(JSON.parse(there.body), {
    _links: { user: { href: `https://${registrationHost}:${gateway.tls}/` } },
  })
})

t.test(
  'an application created on the VPN registers its endpoint, which then works anywhere and is sent back',
  async (t) => {
    const { server, gateway } = await lyncBehindGateway(t)
    const ticket = await ticketOf(gateway, 'alice')
    const refused = await createApplication(gateway, internet, { ticket, endpoint: 'e-1' })
    t.equal(refused.status, 403)
    t.match(reasonOf(refused), { code: 'Forbidden', message: /Connect to the VPN first/ })
    t.equal(server.requests.at(-1)?.target, '/WebTicket/oauthtoken', 'the creation did not reach the server')

    const created = await createApplication(gateway, vpn, { ticket, endpoint: 'e-1', host: registrationHost })
    t.equal(created.status, 201)
    const application = String(created.headers.location)
    t.equal((await call(gateway, internet, application, { ticket })).status, 200)
    const user = '/Autodiscover/AutodiscoverService.svc/root/oauth/user'
    const back = await call(gateway, vpn, user, { ticket, host: registrationHost })
    t.match(JSON.parse(back.body), {
      _links: { redirect: { href: `https://${host}:${gateway.tls}/Autodiscover/` } },
    })
    t.match(await (await gateway.openStore()).registrations.list({ limit: 5 }), [
      {
        registration: {
          user: 'alice@example.com',
          networks: ['vpn'],
          device: { claimedId: 'e-1', type: 'Phone' },
        },
      },
    ])
  },
)

t.test('a fresh ticket of the same user opens the registered endpoint from the internet', async (t) => {
  const { gateway } = await lyncBehindGateway(t)
  const first = await ticketOf(gateway, 'alice', wifi)
  t.equal((await createApplication(gateway, wifi, { ticket: first, endpoint: 'e-1' })).status, 201)
  const ticket = await ticketOf(gateway, 'alice')
  const created = await createApplication(gateway, internet, { ticket, endpoint: 'E-1' })
  t.equal(created.status, 201)
  t.equal((await call(gateway, internet, String(created.headers.location), { ticket })).status, 200)
})

t.test('a ticket by itself opens nothing, and neither does another user’s endpoint', async (t) => {
  const { server, gateway } = await lyncBehindGateway(t)
  const bob = await ticketOf(gateway, 'bob', wifi)
  t.equal((await createApplication(gateway, wifi, { ticket: bob, endpoint: 'of-bob' })).status, 201)
  const alice = await ticketOf(gateway, 'alice')
  const reached = server.requests.length
  t.equal((await createApplication(gateway, internet, { ticket: alice, endpoint: 'of-bob' })).status, 403)
  t.equal((await call(gateway, internet, `${applications}/1`, { ticket: alice })).status, 403)
  t.equal((await call(gateway, internet, `${applications}/1`, { ticket: 'cwt=invented' })).status, 403)
  t.equal((await call(gateway, internet, `${applications}/1`)).status, 403)
  t.equal(server.requests.length, reached)
})

t.test('two people share a phone: each signs in with a ticket of their own', async (t) => {
  const { gateway } = await lyncBehindGateway(t)
  for (const person of ['alice', 'bob'] as const) {
    const ticket = await ticketOf(gateway, person)
    t.equal((await createApplication(gateway, wifi, { ticket, endpoint: 'shared' })).status, 201)
  }
  for (const person of ['alice', 'bob'] as const) {
    const ticket = await ticketOf(gateway, person)
    t.equal((await createApplication(gateway, internet, { ticket, endpoint: 'shared' })).status, 201)
  }
})

t.test('an application that the server did not create registers nothing', async (t) => {
  const { gateway } = await lyncBehindGateway(t)
  const ticket = await ticketOf(gateway, 'alice')
  const answer = await call(gateway, wifi, '/ucwa/elsewhere/applications', {
    method: 'POST',
    ticket,
    headers: { 'content-type': 'application/json' },
    body: '{"endpointId":"e-1"}',
  })
  t.equal(answer.status, 404, 'the server’s own answer')
  t.strictSame(await (await gateway.openStore()).registrations.list({ limit: 5 }), [])
})

t.test('nothing is keyed by the address: a neighbour behind the same NAT is a stranger', async (t) => {
  const { gateway } = await lyncBehindGateway(t)
  const bob = await ticketOf(gateway, 'bob', wifi)
  const created = await createApplication(gateway, wifi, { ticket: bob, endpoint: 'of-bob' })
  const path = String(created.headers.location)
  t.equal((await call(gateway, internet, path, { ticket: bob })).status, 200)
  const neighbour = await ticketOf(gateway, 'alice')
  t.equal((await createApplication(gateway, internet, { ticket: neighbour, endpoint: 'new' })).status, 403)
  t.equal((await call(gateway, '127.98.7.6', path, { ticket: bob })).status, 200, 'and bob may wander')
})

t.test('a wrong password gets no ticket and registers nothing', async (t) => {
  const { gateway } = await lyncBehindGateway(t)
  const answer = await call(gateway, wifi, '/WebTicket/oauthtoken', {
    method: 'POST',
    headers: form,
    body: 'grant_type=password&username=alice&password=guess',
  })
  t.match([answer.status, reasonOf(answer)], [400, { error: 'invalid_grant' }])
  t.strictSame(await (await gateway.openStore()).registrations.list({ limit: 5 }), [])
})

t.test('a block cuts the parked event channel, and the client is told to stop', async (t) => {
  const { server, gateway } = await lyncBehindGateway(t)
  const ticket = await ticketOf(gateway, 'alice', wifi)
  const created = await createApplication(gateway, wifi, { ticket, endpoint: 'e-1' })
  const path = String(created.headers.location)
  const events = call(gateway, internet, `${path}/events?ack=1&timeout=900`, { ticket }).then(
    ({ status }) => status,
    (error: NodeJS.ErrnoException) => error.code,
  )
  await eventually(() => server.waiting === 1)
  const store = await gateway.openStore()
  const [phone] = await store.registrations.list({ limit: 1 })
  const by = { name: 'admin', why: 'lost', at: Date.now() }
  await store.registrations.block(phone?.registration.id ?? '', by)
  t.equal(await events, 'ECONNRESET')
  await eventually(() => server.waiting === 0)

  const json = await call(gateway, internet, path, { ticket })
  t.equal(json.status, 410)
  t.match(json.headers['content-type'], 'application/json')
  t.match(reasonOf(json), { code: 'Gone', subcode: 'UserAgentNotAllowed', message: /blocked/ })
  const xml = await call(gateway, internet, path, { ticket, headers: { accept: 'application/xml' } })
  t.match(xml.headers['content-type'], 'application/xml')
  t.match(xml.body, '<reason xmlns="http://schemas.microsoft.com/rtc/2012/03/ucwa"><code>Gone</code>')
})

t.test('a creation that names two endpoints is refused', async (t) => {
  const { server, gateway } = await lyncBehindGateway(t)
  const ticket = await ticketOf(gateway, 'alice', wifi)
  const reached = server.requests.length
  const answer = await createApplication(gateway, wifi, {
    ticket,
    endpoint: '',
    body: '{"endpointId":"e-1","EndpointId":"e-2"}',
  })
  t.equal(answer.status, 400)
  t.equal(server.requests.length, reached)
})

t.test('an app is never sent to a page', async (t) => {
  const { gateway } = await lyncBehindGateway(t)
  const answer = await call(gateway, internet, `${applications}/1`, { headers: { accept: 'text/html' } })
  t.equal(answer.status, 403)
  t.equal(answer.headers.location, undefined)
  t.match(answer.headers['content-type'], 'application/json')
})

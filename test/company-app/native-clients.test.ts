import t, { type Test } from 'tap'
import { startActiveSync } from '../../sim/activesync.ts'
import { alicesPhone, readRegistered } from '../../sim/launcher.ts'
import { startLync } from '../../sim/lync.ts'
import { startMatrix } from '../../sim/matrix.ts'
import { internet } from '../helpers/chat.ts'
import { appPolicy, companyApp, phoneOf } from '../helpers/company-app.ts'
import { type GatewayUnderTest, gatewayUnderTest } from '../helpers/gateway-under-test.ts'
import { ask, type ClientAnswer, type ClientOptions, form, navigation } from '../helpers/http-client.ts'
import { simulated } from '../helpers/simulation.ts'

const elsewhere = '127.98.7.6'
const passwords: Record<string, string> = { alice: 'wonderland', bob: 'builder' }

async function behindGateway(t: Test, service: string, more?: string) {
  const app = companyApp(t, more)
  const gateway = await gatewayUnderTest(t, { services: service, settings: app.section, policy: appPolicy })
  const phone = phoneOf(gateway, app.packageKey)
  const newLink = async () => {
    const [link] = readRegistered(await phone.register()).links
    if (link === undefined) throw new Error('no link')
    return link
  }
  return { gateway, app, phone, newLink }
}

async function registered(gateway: GatewayUnderTest) {
  return (await gateway.openStore()).registrations.list({ limit: 10 })
}

type Asked = Partial<ClientOptions>

function call(
  gateway: GatewayUnderTest,
  host: string,
  path: string,
  asked: Asked = {},
): Promise<ClientAnswer> {
  return ask({ port: gateway.tls, host, ca: gateway.ca, from: internet, path, ...asked })
}

function pathOf(url: string): string {
  const { pathname, search } = new URL(url)
  return pathname + search
}

async function reasonOf(gateway: GatewayUnderTest, answer: ClientAnswer): Promise<unknown> {
  return (await gateway.accessLine(answer.id)).reason
}

const bound = { evidence: ['app'], deviceIds: { udid: '00008110000A1B2C3D4E801E' }, appDeviceId: /^d_/ }

// ActiveSync: a mail app can carry nothing

async function mail(t: Test, more?: string) {
  const server = await simulated(t, startActiveSync, { authentication: 'basic' as const })
  const services = `  - { name: mail, hosts: [mail.localhost], upstream: ["${server.url}"], client: activesync }`
  return { server, ...(await behindGateway(t, services, more)) }
}

function sync(
  gateway: GatewayUnderTest,
  {
    user = 'alice',
    from = internet,
    device = 'alicephone',
    type = 'iPhone',
    password,
    prefix = '',
  }: {
    user?: string
    from?: string
    device?: string
    type?: string
    password?: string
    prefix?: string
  } = {},
): Promise<ClientAnswer> {
  const authorization = `Basic ${Buffer.from(`${user}:${password ?? passwords[user]}`).toString('base64')}`
  return call(
    gateway,
    'mail.localhost',
    `${prefix}/Microsoft-Server-ActiveSync?Cmd=FolderSync&User=${user}&DeviceId=${device}&DeviceType=${type}`,
    {
      method: 'POST',
      from,
      headers: { authorization },
    },
  )
}

t.test(
  'ActiveSync: the link is opened on the phone, and its mail app registers within five minutes',
  async (t) => {
    const { gateway, newLink } = await mail(t)
    t.equal((await sync(gateway)).status, 403, 'a stranger')
    const page = await call(gateway, 'mail.localhost', pathOf((await newLink()).url), { headers: navigation })
    t.equal(page.status, 200)
    t.match(page.body, 'Open the mail app on this device now, and sign in as alice.')
    t.equal((await sync(gateway, { password: 'guess' })).status, 401, 'the server’s own answer')
    t.strictSame(await registered(gateway), [])
    t.equal((await sync(gateway)).status, 200)
    t.match(await registered(gateway), [{ registration: { user: 'alice', ...bound } }])
    t.equal((await sync(gateway, { from: elsewhere })).status, 200, 'from anywhere afterwards')
    t.equal((await sync(gateway, { device: 'second' })).status, 403, 'once')
  },
)

t.test(
  'ActiveSync: who comes from another address, as another user or on another kind of device, is a stranger',
  async (t) => {
    const { server, gateway, newLink } = await mail(t)
    await call(gateway, 'mail.localhost', pathOf((await newLink()).url))
    const reached = server.requests.length
    for (const other of [{ from: elsewhere }, { user: 'bob' }, { type: 'Android' }])
      t.equal((await sync(gateway, other)).status, 403, JSON.stringify(other))
    t.equal(server.requests.length, reached)
    t.equal((await sync(gateway)).status, 200)
  },
)

t.test('ActiveSync: when the app told its mail id, only that mail app registers', async (t) => {
  const { gateway, app } = await mail(t)
  const ids = {
    deviceId: `${alicesPhone.deviceId}|ALICEPHONE`,
    deviceIdType: `${alicesPhone.deviceIdType}|EAS`,
  }
  const phone = phoneOf(gateway, app.packageKey, { configuration: { ...alicesPhone, ...ids } })
  await call(gateway, 'mail.localhost', pathOf(readRegistered(await phone.register()).links[0]?.url ?? ''))
  t.equal((await sync(gateway, { device: 'otherphone' })).status, 403)
  t.equal((await sync(gateway)).status, 200)
})

t.test('ActiveSync: a link that was opened elsewhere cannot be taken over', async (t) => {
  const { gateway, newLink } = await mail(t)
  const path = pathOf((await newLink()).url)
  await call(gateway, 'mail.localhost', path)
  const thief = await call(gateway, 'mail.localhost', path, { from: elsewhere, headers: navigation })
  t.match([thief.status, await reasonOf(gateway, thief)], [403, 'app.ticket-used'])
  t.equal((await sync(gateway, { from: elsewhere })).status, 403)
})

t.test('ActiveSync: a server’s address that is the link itself needs no address of the phone', async (t) => {
  const { server, gateway, newLink } = await mail(t)
  const prefix = pathOf((await newLink()).server ?? '')
  t.equal((await sync(gateway, { prefix, user: 'bob' })).status, 403)
  t.equal((await sync(gateway, { prefix })).status, 200)
  t.match(server.requests.at(-1)?.target, /^\/Microsoft-Server-ActiveSync\?/, 'the server sees its own path')
  t.equal((await sync(gateway, { prefix, from: elsewhere })).status, 200, 'the address stays good afterwards')
  const other = await sync(gateway, { prefix, device: 'second' })
  t.match([other.status, await reasonOf(gateway, other)], [403, 'app.ticket-used'])
})

t.test('ActiveSync: where binding by address is turned off, only the link itself counts', async (t) => {
  const { gateway, newLink } = await mail(t, 'bindByAddress: false')
  const { url, server } = await newLink()
  t.equal((await call(gateway, 'mail.localhost', pathOf(url), { headers: navigation })).status, 403)
  t.equal((await sync(gateway)).status, 403)
  t.equal((await sync(gateway, { prefix: pathOf(server ?? '') })).status, 200)
})

// Matrix

async function matrix(t: Test) {
  const server = await simulated(t, startMatrix, {})
  const services = `  - name: matrix
    hosts: [matrix.localhost]
    upstream: ["${server.url}"]
    client: matrix
    public: ["/.well-known/*", /_matrix/client/versions]
    paths: { encodedSlash: true }`
  return { server, ...(await behindGateway(t, services)) }
}

const api = '/_matrix/client/v3'

function login(
  gateway: GatewayUnderTest,
  prefix: string,
  user = 'alice',
  from = internet,
): Promise<ClientAnswer> {
  return call(gateway, 'matrix.localhost', `${prefix}${api}/login`, {
    method: 'POST',
    from,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      type: 'm.login.password',
      identifier: { type: 'm.id.user', user },
      password: passwords[user],
      device_id: 'PHONE1',
    }),
  })
}

t.test(
  'Matrix: the app opens the client on the link as its homeserver, and the login is bound',
  async (t) => {
    const { server, gateway, newLink } = await matrix(t)
    const prefix = pathOf((await newLink()).server ?? '')
    const refused = await login(gateway, prefix, 'bob')
    t.match(
      [refused.status, JSON.parse(refused.body)],
      [403, { errcode: 'M_FORBIDDEN', error: /company app/ }],
    )
    t.strictSame(await registered(gateway), [])
    const answer = await login(gateway, prefix)
    t.equal(answer.status, 200)
    t.match(await registered(gateway), [{ registration: { user: '@alice:matrix.localhost', ...bound } }])
    const { access_token: token } = JSON.parse(answer.body) as { access_token: string }
    const headers = { authorization: `Bearer ${token}` }
    for (const path of [`${prefix}${api}/account/whoami`, `${api}/account/whoami`])
      t.equal((await call(gateway, 'matrix.localhost', path, { headers, from: elsewhere })).status, 200, path)
    const encoded = `${api}/rooms/!a%2Fb/messages`
    await call(gateway, 'matrix.localhost', prefix + encoded, { headers })
    t.equal(server.requests.at(-1)?.target, encoded, 'byte for byte')
  },
)

t.test(
  'Matrix: a link that was opened in the browser lets the same user’s client in from there',
  async (t) => {
    const { gateway, newLink } = await matrix(t)
    await call(gateway, 'matrix.localhost', pathOf((await newLink()).url), { headers: navigation })
    t.equal((await login(gateway, '', 'alice', elsewhere)).status, 403)
    const bob = await login(gateway, '', 'bob')
    t.match(
      [bob.status, await reasonOf(gateway, bob)],
      [403, 'app.other-user'],
      'his name is known only from the answer',
    )
    t.strictSame(await registered(gateway), [])
    t.equal((await login(gateway, '')).status, 200)
    t.match(await registered(gateway), [{ registration: bound }])
  },
)

t.test('below a link nothing leads back to Gatehouse’s own addresses, nor past the parser', async (t) => {
  const { server, gateway, newLink } = await matrix(t)
  const prefix = pathOf((await newLink()).server ?? '')
  const reached = server.requests.length
  for (const rest of ['/.gatehouse/jwks.json', '/.GATEHOUSE/device', '/../x', '//x', '/%2e%2e/x', '\\x']) {
    const answer = await call(gateway, 'matrix.localhost', prefix + rest)
    t.ok(answer.status >= 400, `${rest} ${answer.status}`)
  }
  const spelled = await call(gateway, 'matrix.localhost', `${prefix.replace('app', '%61pp')}${api}/login`, {
    method: 'POST',
  })
  t.ok(spelled.status >= 400)
  t.equal(server.requests.length, reached)
})

// Lync

async function lync(t: Test) {
  const server = await simulated(t, startLync, {})
  const services = `  - name: lync
    hosts: [lync.localhost]
    upstream: ["${server.url}"]
    client: lync
    public: [/, "/autodiscover/*", "/webticket/*"]
    paths: { caseInsensitive: true }`
  return { server, ...(await behindGateway(t, services)) }
}

async function webTicket(gateway: GatewayUnderTest, user = 'alice', from = internet): Promise<string> {
  const answer = await call(gateway, 'lync.localhost', '/WebTicket/oauthtoken', {
    method: 'POST',
    from,
    headers: form,
    body: `grant_type=password&username=${user}%40example.com&password=${passwords[user]}`,
  })
  return (JSON.parse(answer.body) as { access_token: string }).access_token
}

function createApplication(
  gateway: GatewayUnderTest,
  ticket: string,
  from = internet,
): Promise<ClientAnswer> {
  return call(gateway, 'lync.localhost', '/ucwa/oauth/v1/applications', {
    method: 'POST',
    from,
    headers: {
      authorization: `Bearer ${ticket}`,
      'content-type': 'application/json',
      accept: 'application/json',
    },
    body: JSON.stringify({ EndpointId: 'e-1', UserAgent: 'LyncMobile', Culture: 'en-US', type: 'Phone' }),
  })
}

t.test(
  'Lync: the client joins the meeting of the link with its own web ticket, and its application is bound',
  async (t) => {
    const { server, gateway, newLink } = await lync(t)
    const link = await newLink()
    t.equal(link.launch, `ms-sfb://confjoin?url=${encodeURIComponent(link.url)}`)
    const ticket = await webTicket(gateway)
    t.equal((await createApplication(gateway, ticket)).status, 403, 'before the meeting')
    const join = (shown?: string) =>
      call(gateway, 'lync.localhost', pathOf(link.url), {
        headers: {
          accept: 'application/json',
          ...(shown !== undefined && { authorization: `Bearer ${shown}` }),
        },
      })
    const reached = server.requests.length
    const asked = await join()
    t.equal(asked.status, 401)
    t.match(
      asked.headers['www-authenticate'],
      /^MsRtcOAuth href="https:\/\/lync\.localhost:\d+\/WebTicket\/oauthtoken"/,
    )
    t.equal((await join('cwt=invented')).status, 401)
    const bob = await webTicket(gateway, 'bob')
    const other = await join(bob)
    t.match([other.status, await reasonOf(gateway, other)], [403, 'app.other-user'])
    t.equal((await join(ticket)).status, 200)
    t.equal(
      server.requests.length,
      reached + 1,
      'there is no such meeting on the server; it gave bob’s ticket',
    )

    t.equal((await createApplication(gateway, bob)).status, 403)
    const created = await createApplication(gateway, ticket, elsewhere)
    t.equal(created.status, 201, 'from another address: the web ticket is what counts')
    t.match(await registered(gateway), [
      { registration: { user: 'alice@example.com', device: { claimedId: 'e-1' }, ...bound } },
    ])
    const headers = { authorization: `Bearer ${ticket}` }
    t.equal(
      (await call(gateway, 'lync.localhost', String(created.headers.location), { headers })).status,
      200,
    )
    const again = await join(ticket)
    t.equal(again.status, 403)
    t.match(again.headers['content-type'], /json/)
  },
)

t.test('Lync: opened in the browser, the link is a page that starts Skype for Business', async (t) => {
  const { gateway, newLink } = await lync(t)
  const page = await call(gateway, 'lync.localhost', pathOf((await newLink()).url), { headers: navigation })
  t.equal(page.status, 200)
  t.match(page.body, /href="ms-sfb:\/\/confjoin\?url=https%3A%2F%2Flync\.localhost/)
  const ticket = await webTicket(gateway)
  t.equal((await createApplication(gateway, ticket)).status, 201, 'which signs in by itself')
  t.match(await registered(gateway), [{ registration: bound }])
})

t.test('ActiveSync: of two mail apps that come at the same moment, one registers', async (t) => {
  const { gateway, newLink } = await mail(t)
  await call(gateway, 'mail.localhost', pathOf((await newLink()).url))
  const both = await Promise.all([sync(gateway, { device: 'one' }), sync(gateway, { device: 'two' })])
  t.strictSame(both.map(({ status }) => status).sort(), [200, 403])
  t.equal((await registered(gateway)).length, 1)
})

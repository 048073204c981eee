import t from 'tap'
import { chatBehindGateway, internet, signIn, vpn } from '../helpers/chat.ts'
import type { GatewayUnderTest } from '../helpers/gateway-under-test.ts'
import { ask, type ClientAnswer, navigation } from '../helpers/http-client.ts'

function visit(gateway: GatewayUnderTest, from: string, url: string, cookies: readonly string[] = []) {
  const { hostname, pathname, search } = new URL(url)
  return ask({
    port: gateway.tls,
    host: hostname,
    ca: gateway.ca,
    from,
    path: pathname + search,
    headers: { ...navigation, ...(cookies.length > 0 && { cookie: cookies.join('; ') }) },
  })
}

const wanted = 'https://chat.localhost/rooms/7?tab=files'

function locationOf(answer: ClientAnswer): string {
  return String(answer.headers.location)
}

t.test(
  'a browser goes to the VPN address and back to where it wanted to go, and registers there',
  async (t) => {
    const { gateway } = await chatBehindGateway(t)
    const departure = await visit(gateway, internet, wanted)
    t.equal(departure.status, 302)
    const arrival = await visit(gateway, vpn, locationOf(departure))
    t.equal(arrival.status, 303)
    t.match(locationOf(arrival), /^https:\/\/chat\.localhost(:\d+)?\/\.gatehouse\/return\?arrival=/)
    const back = await visit(gateway, internet, locationOf(arrival), departure.cookies)
    t.equal(back.status, 303)
    t.equal(locationOf(back), '/rooms/7?tab=files', 'it comes out where it wanted to go')

    const cookie = [...departure.cookies, ...back.cookies].join('; ')
    const signedIn = await signIn(gateway, internet, { cookie })
    t.ok(
      signedIn.cookies.some((set) => set.startsWith('__Host-gatehouse-device=')),
      'registered from the internet',
    )
    const [registered] = await (await gateway.openStore()).registrations.list({ limit: 1 })
    t.strictSame(registered?.registration.networks, ['vpn'])

    const later = await visit(gateway, '127.98.0.1', 'https://chat.localhost/api/messages', signedIn.cookies)
    t.equal(later.status, 200, 'and needs the VPN no more')
  },
)

t.test('the way back works only in the browser that left, and only once', async (t) => {
  const { gateway } = await chatBehindGateway(t)
  const departure = await visit(gateway, internet, wanted)
  const arrival = await visit(gateway, vpn, locationOf(departure))
  t.equal((await visit(gateway, internet, locationOf(arrival))).status, 400, 'another browser')
  t.equal((await visit(gateway, internet, locationOf(arrival), departure.cookies)).status, 303)
  t.equal(
    (await visit(gateway, internet, locationOf(arrival), departure.cookies)).status,
    400,
    'a second time',
  )
})

t.test('who opens the registration address outside of the VPN gets a page that says so', async (t) => {
  const { gateway } = await chatBehindGateway(t)
  const departure = await visit(gateway, internet, wanted)
  const page = await visit(gateway, internet, locationOf(departure))
  t.equal(page.status, 403)
  t.match(page.headers['content-type'], 'text/html')
  t.match(page.body, /not connected to the network/)
})

t.test('a forged departure, or one that leads elsewhere, goes nowhere', async (t) => {
  const { gateway } = await chatBehindGateway(t)
  const departure = locationOf(await visit(gateway, internet, wanted))
  const forged = departure.slice(0, -4) + (departure.endsWith('AAAA') ? 'BBBB' : 'AAAA')
  for (const url of [
    forged,
    'https://register.localhost/.gatehouse/register?departure=https://evil.example/',
  ]) {
    const answer = await visit(gateway, vpn, url)
    t.equal(answer.status, 400)
    t.equal(answer.headers.location, undefined)
  }
})

t.test('a token of one step cannot stand in for another', async (t) => {
  const { gateway } = await chatBehindGateway(t)
  const departure = await visit(gateway, internet, wanted)
  const token = new URL(locationOf(departure)).searchParams.get('departure')
  const answer = await visit(
    gateway,
    internet,
    `https://chat.localhost/.gatehouse/return?arrival=${token}`,
    departure.cookies,
  )
  t.equal(answer.status, 400)
})

t.test('a browser that goes round in circles gets a page that says why', async (t) => {
  const { gateway } = await chatBehindGateway(t)
  let cookies: readonly string[] = []
  for (let round = 0; round < 3; round++) {
    const answer = await visit(gateway, internet, wanted, cookies)
    t.equal(answer.status, 302)
    cookies = answer.cookies
  }
  const page = await visit(gateway, internet, wanted, cookies)
  t.equal(page.status, 403)
  t.match(page.body, /several times/)
})

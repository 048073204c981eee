import { once } from 'node:events'
import { request } from 'node:http'
import { type AddressInfo, connect, createServer } from 'node:net'
import t, { type Test } from 'tap'
import { internet, wifi } from '../helpers/chat.ts'
import { eventually } from '../helpers/eventually.ts'
import { evaluationLikePolicy, gatewayUnderTest } from '../helpers/gateway-under-test.ts'
import { ask } from '../helpers/http-client.ts'
import {
  acceptance,
  type GatehouseProcess,
  type Installation,
  installation,
  signInRequest,
  upstream,
} from './support.ts'

const api = (gateway: GatehouseProcess, cookie: string) =>
  gateway.ask({ from: internet, path: '/api', headers: { cookie } })

async function registrations(one: Installation) {
  return (await one.openStore()).registrations.list({ limit: 100 })
}

/** Accepts every sign-in once `when` has resolved, and answers everything else with 200. */
function accepting(t: Test, when: () => Promise<unknown> = async () => {}) {
  return upstream(t, async (request, response) => {
    request.resume()
    if (request.url !== '/login') return response.end('welcome')
    await when()
    return response.writeHead(302, acceptance).end()
  })
}

t.test(
  'a registration that the client was told of is there after a kill right behind the answer',
  async (t) => {
    const one = await installation(t, { upstream: await accepting(t) })
    const first = await one.start()
    const cookies: string[] = []
    for (const user of ['alice', 'bob', 'carol', 'alice', 'bob']) {
      cookies.push((await first.signIn(wifi, { user })).cookies.join('; '))
    }
    await first.kill()

    const second = await one.start()
    for (const cookie of cookies) t.equal((await api(second, cookie)).status, 200)
    t.equal((await api(second, '')).status, 403)
    t.equal((await one.gatehouse('audit', '--verify')).code, 0)
  },
)

t.test('killed under many sign-ins at once: who was told is in, and nobody else', async (t) => {
  const one = await installation(t, {
    upstream: await accepting(t),
    policy: `${evaluationLikePolicy}limits: { clientsPerUser: 1000 }\n`,
  })
  const first = await one.start()
  const told: string[] = []
  const going = Array.from({ length: 8 }, async () => {
    for (;;) {
      const answer = await first.signIn(wifi).catch(() => undefined)
      if (answer === undefined) return
      told.push(answer.cookies.join('; '))
    }
  })
  await eventually(() => told.length >= 20)
  await first.kill()
  await Promise.all(going)

  const second = await one.start()
  for (const cookie of told) t.equal((await api(second, cookie)).status, 200)
  const stored = (await registrations(one)).length
  // Committed, and killed before the client heard of it: at most one for each sign-in that was under way.
  t.ok(stored >= told.length && stored <= told.length + 8, `${stored} stored, ${told.length} told`)
  t.equal((await one.gatehouse('audit', '--verify')).code, 0)
})

t.test('killed before the upstream has answered: nothing is registered', async (t) => {
  let arrived = () => {}
  const arrival = new Promise<void>((resolve) => {
    arrived = resolve
  })
  const one = await installation(t, {
    upstream: await accepting(t, () => {
      arrived()
      return new Promise(() => {})
    }),
  })
  const first = await one.start()
  const signingIn = first.signIn(wifi).catch(() => undefined)
  await arrival
  await first.kill()
  t.equal(await signingIn, undefined)
  await one.start()
  t.strictSame(await registrations(one), [])
})

t.test(
  'killed between the commit and the answer: the device is registered, and registers anew without harm',
  async (t) => {
    const one = await installation(t, { upstream: await accepting(t) })
    const first = await one.start()
    // A client that sends its sign-in and reads nothing: the answer may be on the way and has reached nobody.
    const silent = connect({ port: first.plain, host: '127.0.0.1', localAddress: wifi })
    silent.on('error', () => {})
    silent.pause()
    const { body, path } = signInRequest()
    silent.write(
      `POST ${path} HTTP/1.1\r\nHost: chat.localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    )
    const store = await one.openStore()
    const committed = await eventually(async () => {
      const [state] = await store.registrations.list({ limit: 1 })
      return state
    })
    await first.kill()
    silent.destroy()

    const second = await one.start()
    t.strictSame(
      (await registrations(one)).map(({ registration }) => registration.id),
      [committed.registration.id],
    )
    const again = await second.signIn(wifi)
    t.equal((await api(second, again.cookies.join('; '))).status, 200)
  },
)

t.test(
  'an upstream that does not accept the credentials registers nothing, whatever else it answers',
  async (t) => {
    let status = 0
    const one = await installation(t, {
      upstream: await upstream(t, (incoming, response) => {
        incoming.resume()
        response.writeHead(status, acceptance).end('no')
      }),
    })
    const gateway = await one.start()
    for (status of [200, 401, 403, 500, 502, 503]) {
      const answer = await gateway.signIn(wifi)
      t.equal(answer.status, status)
      t.notOk(answer.cookies.some((cookie) => cookie.includes('gatehouse')))
    }
    t.strictSame(await registrations(one), [])
  },
)

/** An upstream that sends these bytes to whoever sends it a request, and breaks the connection off. */
async function breaksOffAfter(t: Test, bytes: string): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => {
      if (bytes === '') socket.resetAndDestroy()
      else socket.write(bytes, () => socket.resetAndDestroy())
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

for (const [what, bytes] of [
  ['before its answer', ''],
  ['within the head of its answer', 'HTTP/1.1 302 Found\r\nSet-Cookie: session=abc\r\nLoca'],
] as const) {
  t.test(`an upstream that breaks off ${what} registers nothing`, async (t) => {
    const one = await installation(t, { upstream: await breaksOffAfter(t, bytes) })
    const gateway = await one.start()
    const answer = await gateway.signIn(wifi)
    t.equal(answer.status, 502)
    t.strictSame(answer.cookies, [])
    t.strictSame(await registrations(one), [])
  })
}

t.test(
  'the head of the answer accepts a browser’s credentials: what breaks off behind it does not take the registration back',
  async (t) => {
    const head =
      'HTTP/1.1 302 Found\r\nSet-Cookie: session=abc\r\nLocation: /\r\nContent-Length: 100\r\n\r\nhalf'
    const one = await installation(t, { upstream: await breaksOffAfter(t, head) })
    const gateway = await one.start()
    await gateway.signIn(wifi).catch(() => {})
    t.equal((await registrations(one)).length, 1)
  },
)

t.test(
  'where the body of the answer names the device, one that breaks off within it registers nothing',
  async (t) => {
    const body = '{"access_token":"t0ken","device_id":"ABCDEF","user_id":"@alice:matrix.localhost"'
    const head = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length + 1}\r\n\r\n`
    const address = await breaksOffAfter(t, head + body)
    const gateway = await gatewayUnderTest(t, {
      services: `  - { name: matrix, hosts: [matrix.localhost], upstream: ["${address}"], client: matrix }`,
    })
    const answer = await ask({
      ...{ port: gateway.tls, host: 'matrix.localhost', ca: gateway.ca, from: wifi, method: 'POST' },
      path: '/_matrix/client/v3/login',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        type: 'm.login.password',
        identifier: { type: 'm.id.user', user: 'alice' },
        password: 'wonderland',
        device_id: 'ABCDEF',
      }),
    })
    t.ok(answer.status >= 500)
    t.notMatch(answer.body, 't0ken')
    t.strictSame(await (await gateway.openStore()).registrations.list({ limit: 1 }), [])
  },
)

t.test('a client that goes away before the upstream’s answer is not registered', async (t) => {
  let answerNow = () => {}
  let arrived = () => {}
  let left = () => {}
  const gate = new Promise<void>((resolve) => {
    answerNow = resolve
  })
  const arrival = new Promise<void>((resolve) => {
    arrived = resolve
  })
  const gone = new Promise<void>((resolve) => {
    left = resolve
  })
  const one = await installation(t, {
    upstream: await upstream(t, async (incoming, response) => {
      incoming.resume()
      response.on('close', left)
      arrived()
      await gate
      response.writeHead(302, acceptance).end()
    }),
  })
  const gateway = await one.start()
  const { body, path, method, headers } = signInRequest()
  const client = request({
    ...{ port: gateway.plain, host: '127.0.0.1', localAddress: wifi, path, method },
    headers: { ...headers, host: 'chat.localhost' },
  })
  client.on('error', () => {})
  client.end(body)
  await arrival
  client.destroy()
  await gone
  answerNow()
  t.equal((await gateway.ask({ path: '/healthcheck.htm' })).status, 302)
  t.strictSame(await registrations(one), [])
})

t.test('a second start keeps every record', async (t) => {
  const one = await installation(t, { upstream: await accepting(t) })
  const first = await one.start()
  const cookie = (await first.signIn(wifi)).cookies.join('; ')
  await one.gatehouse('bypass', 'chat', '--for', '1h', '--why', 'test')
  first.child.kill('SIGTERM')
  t.strictSame(await first.exited, [0, null])
  const second = await one.start()
  t.equal((await api(second, cookie)).status, 200)
  t.equal((await second.ask({ from: internet })).status, 200, 'the bypass is in force from the start')
  t.equal(await second.metric('gatehouse_bypass_active{service="chat"}'), 1)
  const { stdout } = await one.gatehouse('audit')
  for (const told of [/started/, /stopped/, /opened a bypass of chat/]) t.match(stdout, told)
})

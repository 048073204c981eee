import { once } from 'node:events'
import {
  Agent,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
  type ServerResponse,
} from 'node:http'
import type { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { guardedLookup } from '../../src/gateway/relay/addresses.ts'
import { createConnector } from '../../src/gateway/relay/connector.ts'
import { UpstreamPool } from '../../src/gateway/relay/pools.ts'
import { RelayFailure } from '../../src/gateway/relay/relay.ts'
import { limits, rawUpstream, relayUnderTest, type Setup, upstreamServer } from './relay-under-test.ts'

/** An upstream that signs connections in, as Exchange does: after type 3 the connection is that user's, whoever asks. */
async function ntlmUpstream(t: Test): Promise<{ url: URL; connections: Set<Socket> }> {
  const users = new WeakMap<Socket, string>()
  const connections = new Set<Socket>()
  const url = await upstreamServer(t, (request, response) => {
    connections.add(request.socket)
    const { authorization = '' } = request.headers
    const [scheme, message] = authorization.split(' ')
    if (scheme === 'NTLM' && message?.startsWith('user-')) users.set(request.socket, message.slice(5))
    const user = users.get(request.socket)
    const challenge = scheme === 'NTLM' ? 'NTLM challenge' : 'NTLM'
    request.resume()
    request.on('end', () => {
      if (user !== undefined || request.url === '/public') answerWith(response, user ?? 'nobody')
      else response.writeHead(401, { 'www-authenticate': ['Basic realm="x"', challenge] }).end()
    })
  })
  return { url, connections }
}

/** With a length: a HEAD answer without one ends the connection for Node's client. */
function answerWith(response: ServerResponse, body: string): void {
  response.writeHead(200, { 'content-length': body.length }).end(body)
}

/** One client connection. */
function clientConnection(t: Test, port: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  const sockets = new Set<Socket>()
  return {
    sockets,
    async ask(path: string, options: RequestOptions & { body?: string } = {}) {
      const { body, ...rest } = options
      const outgoing = httpRequest({ host: '127.0.0.1', port, path, agent, ...rest })
      outgoing.on('socket', (socket) => sockets.add(socket))
      outgoing.end(body)
      const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
      return { status: answer.statusCode, headers: answer.headers, body: await text(answer) }
    },
  }
}

function ntlm(message: string) {
  return { headers: { authorization: `NTLM ${message}` } }
}

async function signedIn(t: Test, port: number, user: string) {
  const connection = clientConnection(t, port)
  t.equal((await connection.ask('/')).status, 401)
  t.match(await connection.ask('/', ntlm('negotiate')), { status: 401 })
  t.equal((await connection.ask('/', ntlm(`user-${user}`))).body, user)
  return connection
}

t.test('a signed-in upstream connection serves its own client connection only', async (t) => {
  const upstream = await ntlmUpstream(t)
  const gateway = await relayUnderTest(t, { upstream: [upstream.url] })
  const anna = await signedIn(t, gateway.port, 'anna')
  const bert = await signedIn(t, gateway.port, 'bert')
  for (let i = 0; i < 3; i++) {
    t.equal((await anna.ask('/')).body, 'anna')
    t.equal((await bert.ask('/', { method: 'POST', body: 'x' })).body, 'bert')
    t.equal((await clientConnection(t, gateway.port).ask('/public')).body, 'nobody')
    t.equal((await clientConnection(t, gateway.port).ask('/')).status, 401)
  }
  t.equal(anna.sockets.size, 1)
})

t.test('many clients at once never see another one’s session', async (t) => {
  const upstream = await ntlmUpstream(t)
  const gateway = await relayUnderTest(t, { upstream: [upstream.url] })
  const names = Array.from({ length: 10 }, (_, index) => `user${index}`)
  const clients = await Promise.all(names.map((name) => signedIn(t, gateway.port, name)))
  const nobody = clientConnection(t, gateway.port)
  for (let round = 0; round < 5; round++) {
    const seen = await Promise.all([nobody.ask('/public'), ...clients.map((client) => client.ask('/'))])
    t.strictSame(
      seen.map(({ body }) => body),
      ['nobody', ...names],
    )
  }
})

t.test('HEAD and bodies of GET leave the signed-in connection as it is', async (t) => {
  const upstream = await ntlmUpstream(t)
  const gateway = await relayUnderTest(t, { upstream: [upstream.url] })
  const anna = await signedIn(t, gateway.port, 'anna')
  t.equal((await anna.ask('/', { method: 'HEAD' })).status, 200)
  t.equal(
    (await anna.ask('/', { method: 'GET', body: 'x', headers: { 'content-length': '1' } })).body,
    'anna',
  )
  t.equal((await anna.ask('/')).body, 'anna')
})

t.test('the upstream connection dies with the client’s', async (t) => {
  const upstream = await ntlmUpstream(t)
  const gateway = await relayUnderTest(t, { upstream: [upstream.url] })
  const before = upstream.connections.size
  const anna = await signedIn(t, gateway.port, 'anna')
  const own = [...upstream.connections].slice(before).at(-1) as Socket
  const closed = once(own, 'close')
  for (const socket of anna.sockets) socket.destroy()
  await closed
  t.ok(own.destroyed)
})

t.test('when the upstream closes an idle signed-in connection, the client loses its own', async (t) => {
  const upstream = await ntlmUpstream(t)
  const gateway = await relayUnderTest(t, { upstream: [upstream.url] })
  const anna = await signedIn(t, gateway.port, 'anna')
  const [socket] = anna.sockets as unknown as [Socket]
  const closed = once(socket, 'close')
  for (const connection of upstream.connections) connection.destroy()
  await closed
  t.ok(socket.destroyed)
})

t.test(
  'a signed-in connection that ends with its answer is not opened again behind the client’s back',
  async (t) => {
    let connections = 0
    const upstream = await rawUpstream(t, (socket) => {
      connections += 1
      socket.on('data', () => {
        socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok')
      })
    })
    const gateway = await relayUnderTest(t, { upstream: [upstream] })
    const client = clientConnection(t, gateway.port)
    const answer = await client.ask('/', ntlm('x'))
    t.match(answer, { status: 200, body: 'ok', headers: { connection: 'close' } })
    t.equal(connections, 1)
  },
)

t.test('a signed-in connection that breaks while a request waits is not tried again', async (t) => {
  let requests = 0
  const upstream = await rawUpstream(t, (socket) => {
    socket.on('data', () => {
      requests += 1
      socket.destroy()
    })
  })
  const gateway = await relayUnderTest(t, { upstream: [upstream] })
  const answer = await clientConnection(t, gateway.port).ask('/', ntlm('x'))
  t.match(answer, { status: 502, headers: { 'x-reason': 'upstream.aborted', connection: 'close' } })
  t.equal(requests, 1)
})

t.test('a connection of one client never reconnects', async (t) => {
  let connections = 0
  const upstream = await rawUpstream(t, (socket) => {
    connections += 1
    socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'))
  })
  const tls = { ca: [], verify: true }
  const connector = createConnector({ url: upstream, tls, timeout: 1000, lookup: guardedLookup() })
  const pool = new UpstreamPool(upstream, connector, limits)
  t.teardown(() => pool.close())
  const { client } = pool.open('pinned')
  const gone = once(client, 'disconnect')
  await (await client.request({ path: '/', method: 'GET' })).body.dump()
  await gone
  await t.rejects(client.request({ path: '/', method: 'GET' }), { code: 'UPSTREAM_CONNECTION_SPENT' })
  t.equal(connections, 1)
})

t.test('a client connection stays with one upstream of several', async (t) => {
  const first = await ntlmUpstream(t)
  const second = await ntlmUpstream(t)
  const gateway = await relayUnderTest(t, { upstream: [first.url, second.url] })
  const anna = await signedIn(t, gateway.port, 'anna')
  for (let i = 0; i < 4; i++) t.equal((await anna.ask('/')).body, 'anna')
})

const overHttp2: [string, Setup['head'], RequestOptions][] = [
  ['with such credentials', {}, ntlm('x')],
  ['that is challenged for them', {}, {}],
]
for (const [what, , options] of overHttp2) {
  t.test(`an HTTP/2 request ${what} has to come over HTTP/1.1`, async (t) => {
    const upstream = await ntlmUpstream(t)
    const gateway = await relayUnderTest(t, { upstream: [upstream.url], httpVersion: '2' })
    const answer = await clientConnection(t, gateway.port).ask('/', options)
    t.match(answer.headers, { 'x-reason': 'connection.http1-required' })
    const failure = await gateway.next()
    t.type(failure, RelayFailure)
  })
}

const behindProxy = {
  head: { source: { address: '203.0.113.7', derivedFrom: 'x-forwarded-for', peer: '127.0.0.1' } },
} as const

t.test('a connection that a proxy shares among clients is never signed in', async (t) => {
  const { url, connections } = await ntlmUpstream(t)
  const { port } = await relayUnderTest(t, { upstream: [url], ...behindProxy })
  const client = clientConnection(t, port)
  const refused = await client.ask('/', { headers: { authorization: 'NTLM user-alice' } })
  t.equal(refused.headers['x-reason'], 'connection.shared')
  t.equal(connections.size, 0, 'the credentials never reach the upstream')
})

t.test('a shared connection is offered the other ways of signing in alone', async (t) => {
  const { url } = await ntlmUpstream(t)
  const { port } = await relayUnderTest(t, { upstream: [url], ...behindProxy })
  const challenged = await clientConnection(t, port).ask('/')
  t.equal(challenged.status, 401)
  t.equal(challenged.headers['www-authenticate'], 'Basic realm="x"')
})

t.test('a shared connection for which there is no other way of signing in is refused', async (t) => {
  const url = await upstreamServer(t, (_, response) => {
    response.writeHead(401, { 'www-authenticate': ['Negotiate', 'NTLM'] }).end()
  })
  const { port } = await relayUnderTest(t, { upstream: [url], ...behindProxy })
  const refused = await clientConnection(t, port).ask('/')
  t.equal(refused.headers['x-reason'], 'connection.shared')
})

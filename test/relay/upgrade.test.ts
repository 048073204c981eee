import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import t, { type Test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { rawConnection, receive } from '../helpers/raw-exchange.ts'
import { rawUpstream, relayUnderTest } from './relay-under-test.ts'

const key = 'dGhlIHNhbXBsZSBub25jZQ=='
const accept = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='
const handshake = [
  'GET /socket HTTP/1.1',
  'Host: mail.example.com',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  `Sec-WebSocket-Key: ${key}`,
  'Origin: https://mail.example.com',
  '\r\n',
].join('\r\n')
const switching = (value: string, protocol = 'websocket') =>
  `HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${protocol}\r\nsec-websocket-accept: ${value}\r\n\r\n`

async function echoUpstream(t: Test): Promise<{ url: URL; server: WebSocketServer }> {
  const http = createServer()
  const server = new WebSocketServer({ server: http, handleProtocols: () => 'chat' })
  server.on('connection', (socket) => {
    socket.on('message', (data, binary) => {
      if (String(data) === 'bye') socket.close(4001, 'bye')
      else socket.send(data, { binary })
    })
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of server.clients) socket.terminate()
    http.close()
  })
  return { url: new URL(`http://127.0.0.1:${(http.address() as AddressInfo).port}`), server }
}

async function open(t: Test, port: number): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/socket`, ['chat'])
  t.teardown(() => socket.terminate())
  await once(socket, 'open')
  return socket
}

t.test('a WebSocket works through the gateway, both ways and with large messages', async (t) => {
  const { url } = await echoUpstream(t)
  const gateway = await relayUnderTest(t, { upstream: [url] })
  const socket = await open(t, gateway.port)
  t.equal(socket.protocol, 'chat')
  for (const message of ['hello', 'x'.repeat(5_000_000)]) {
    socket.send(message)
    t.equal(String((await once(socket, 'message'))[0]) === message, true)
  }
  socket.close(1000)
  await once(socket, 'close')
  t.match(await gateway.next(), { status: 101, upgraded: true, closedBy: String, ended: 'completed' })
})

t.test('the upstream’s closing code reaches the client', async (t) => {
  const { url } = await echoUpstream(t)
  const gateway = await relayUnderTest(t, { upstream: [url] })
  const socket = await open(t, gateway.port)
  socket.send('bye')
  const [code, reason] = await once(socket, 'close')
  t.equal(code, 4001)
  t.equal(String(reason), 'bye')
})

t.test('the handshake’s fields reach the upstream', async (t) => {
  let received = ''
  const upstream = await rawUpstream(t, (socket) => {
    socket.once('data', (chunk) => {
      received = String(chunk)
      socket.write(switching(accept))
    })
  })
  const gateway = await relayUnderTest(t, { upstream: [upstream] })
  const client = await rawConnection(gateway.port)
  client.write(handshake)
  await receive(client, (got) => got.includes('\r\n\r\n'))
  t.match(received.toLowerCase(), 'connection: upgrade\r\nupgrade: websocket\r\n')
  t.match(received, `sec-websocket-key: ${key}`)
  t.match(received, 'sec-websocket-version: 13')
  t.match(received, 'origin: https://mail.example.com')
})

const refused: [string, string][] = [
  ['a wrong accept value', switching('AAAAAAAAAAAAAAAAAAAAAAAAAAA=')],
  ['another protocol', switching(accept, 'h2c')],
]
for (const [what, bytes] of refused) {
  t.test(`an upstream that answers a handshake with ${what} is not believed`, async (t) => {
    const closed = Promise.withResolvers<void>()
    const upstream = await rawUpstream(t, (socket) => {
      socket.once('data', () => socket.write(bytes))
      socket.once('end', () => closed.resolve())
    })
    const gateway = await relayUnderTest(t, { upstream: [upstream] })
    const client = await rawConnection(gateway.port)
    client.write(handshake)
    t.match(await receive(client), 'x-reason: upstream.invalid')
    await closed.promise
  })
}

t.test('bytes after the handshake wait until the upstream has accepted it', async (t) => {
  let before = ''
  const after = Promise.withResolvers<string>()
  const upstream = await rawUpstream(t, (socket) => {
    socket.once('data', (chunk) => {
      before = String(chunk)
      setTimeout(() => {
        socket.once('data', (early) => after.resolve(String(early)))
        socket.write(`${switching(accept)}first frame`)
      }, 30)
    })
  })
  const gateway = await relayUnderTest(t, { upstream: [upstream] })
  const client = await rawConnection(gateway.port)
  client.write(`${handshake}early bytes`)
  t.equal(await after.promise, 'early bytes')
  t.notMatch(before, 'early bytes')
  t.match(await receive(client, (got) => got.includes('first frame')), 'first frame')
})

t.test(
  'a handshake that the upstream declines is an ordinary answer, and both connections close',
  async (t) => {
    const upstreamClosed = Promise.withResolvers<void>()
    const declining = await rawUpstream(t, (socket) => {
      socket.once('end', () => upstreamClosed.resolve())
      socket.once('data', () =>
        socket.write('HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\nx-why: no\r\n\r\nno'),
      )
    })
    const gateway = await relayUnderTest(t, { upstream: [declining] })
    const client = await rawConnection(gateway.port)
    client.write(handshake)
    const answer = await receive(client)
    t.match(answer, 'HTTP/1.1 403')
    t.match(answer, 'x-why: no')
    t.match(answer, /no$/)
    await upstreamClosed.promise
    t.match(await gateway.next(), { status: 403, ended: 'completed' })
  },
)

t.test('a cut-off ends an open WebSocket at once, on both sides', async (t) => {
  const { url, server } = await echoUpstream(t)
  const gateway = await relayUnderTest(t, { upstream: [url] })
  const connected = once(server, 'connection')
  const socket = await open(t, gateway.port)
  const [upstreamSocket] = (await connected) as [WebSocket]
  const both = Promise.all([once(socket, 'close'), once(upstreamSocket, 'close')])
  gateway.clients[0]?.abort('cut-off')
  await both
  t.match(await gateway.next(), { ended: 'cut-off', closedBy: 'cut-off', upgraded: true })
})

t.test('an open WebSocket without a byte in either direction is closed', async (t) => {
  const { url } = await echoUpstream(t)
  const gateway = await relayUnderTest(t, { upstream: [url], limits: { upgradeIdleTimeout: 500 } })
  const socket = await open(t, gateway.port)
  await once(socket, 'close')
  t.match(await gateway.next(), { closedBy: 'idle' })
})

t.test('who goes away first is in the outcome', async (t) => {
  const { url, server } = await echoUpstream(t)
  const gateway = await relayUnderTest(t, { upstream: [url] })
  const socket = await open(t, gateway.port)
  socket.terminate()
  t.match(await gateway.next(), { closedBy: 'client' })
  const connected = once(server, 'connection')
  await open(t, gateway.port)
  const [upstreamSocket] = (await connected) as [WebSocket]
  upstreamSocket.terminate()
  t.match(await gateway.next(), { closedBy: 'upstream' })
})

t.test('a side that has ended its half still gets what the other one sends', async (t) => {
  const upstream = await rawUpstream(t, (socket: Socket) => {
    socket.once('data', () => socket.write(switching(accept)))
    socket.once('end', () => socket.end('last words'))
  })
  const gateway = await relayUnderTest(t, { upstream: [upstream] })
  const client = await rawConnection(gateway.port)
  const received = receive(client)
  client.write(handshake)
  await once(client, 'data')
  client.end()
  t.match(await received, /last words$/)
})

t.test('a verdict on the handshake’s answer comes before the client sees it', async (t) => {
  const { url } = await echoUpstream(t)
  const replace = { status: 403, headers: [], body: 'not registered' }
  const gateway = await relayUnderTest(t, {
    upstream: [url],
    order: { onAnswer: async ({ status }) => (status === 101 ? { replace } : undefined) },
  })
  const client = await rawConnection(gateway.port)
  client.write(handshake)
  t.match(await receive(client), /^HTTP\/1\.1 403[\s\S]*not registered$/)
})

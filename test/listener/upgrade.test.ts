import { connect } from 'node:net'
import t from 'tap'
import { answer, answers, listenerUnderTest, rawExchange, statusOf } from './support.ts'

const handshake = (protocol = 'websocket') =>
  `GET /socket HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`

t.test('a handshake may switch protocols, and what the client sent behind it is kept', async (t) => {
  const ends: boolean[] = []
  const { port, heads } = await listenerUnderTest(t, {
    onExchange: async (_head, client) => {
      client.onClose((completed) => ends.push(completed))
      const tunnel = client.switchProtocols?.(['Sec-WebSocket-Accept', 'x'])
      tunnel?.on('data', (chunk) => tunnel.write(`<${chunk}>`))
      tunnel?.on('end', () => tunnel.end())
    },
  })
  const socket = connect(port, '127.0.0.1')
  let received = ''
  socket.write(`${handshake()}first`)
  for await (const chunk of socket) {
    received += chunk
    if (received.endsWith('<first>')) socket.write('second')
    if (received.endsWith('<second>')) break
  }
  t.match(
    received,
    /^HTTP\/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n<first><second>$/,
  )
  t.equal(heads[0]?.upgrade, 'websocket')
})

t.test('any other answer to a handshake is an ordinary one, and ends the connection', async (t) => {
  let ended = (_completed: boolean) => {}
  const end = new Promise<boolean>((resolve) => {
    ended = resolve
  })
  const { port } = await listenerUnderTest(t, {
    onExchange: async (_head, client) => {
      client.onClose(ended)
      answer(client, 403, 'x'.repeat(200_000))
    },
  })
  const { received, closed } = await rawExchange(port, `${handshake()}first`)
  t.equal(statusOf(received), 403)
  t.equal(answers(received), 1, 'complete')
  t.equal(closed, true)
  t.equal(await end, true)
})

t.test('h2c is no upgrade: the request is an ordinary one', async (t) => {
  const { port, heads } = await listenerUnderTest(t, { upgrades: () => ['h2c'] })
  const { received } = await rawExchange(port, handshake('h2c'), (text) => answers(text) === 1)
  t.equal(statusOf(received), 200)
  t.equal(heads[0]?.upgrade, undefined)
})

t.test('a service without WebSockets refuses them', async (t) => {
  const { port, refusals } = await listenerUnderTest(t, { upgrades: () => [] })
  t.equal(statusOf((await rawExchange(port, handshake())).received), 400)
  t.match(refusals, [{ reason: 'http.upgrade', host: 'a.example' }])
})

t.test('a handshake sent behind another request is refused', async (t) => {
  const { port, refusals } = await listenerUnderTest(t)
  const { received } = await rawExchange(port, `GET / HTTP/1.1\r\nHost: a.example\r\n\r\n${handshake()}`)
  t.equal(answers(received), 2)
  t.match(refusals, [{ reason: 'http.upgrade' }])
})

t.test('a handshake can be broken off', async (t) => {
  const { port } = await listenerUnderTest(t, {
    onExchange: async (_head, client) => client.abort('cut-off'),
  })
  t.strictSame(await rawExchange(port, handshake()), { received: '', closed: true })
})

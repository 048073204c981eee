/**
 * The attack: begin a body, and send no more of it. An upstream that answers early makes the relay let go of the body;
 * nobody waited for the rest of it then, and no clock ran: such a connection stayed for as long as its client liked.
 */
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import t from 'tap'
import { gatewayUnderTest } from '../helpers/gateway-under-test.ts'
import { rawExchange } from '../helpers/raw-exchange.ts'
import { answer, listenerUnderTest } from '../listener/support.ts'

t.test('a connection whose body was answered early, and never comes to its end, is closed', async (t) => {
  const upstream = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'))
  })
  upstream.listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  t.teardown(() => upstream.close())
  const { port } = upstream.address() as AddressInfo // a TCP listener
  const gateway = await gatewayUnderTest(t, {
    services: `
  - { name: site, hosts: [localhost], upstream: ["http://127.0.0.1:${port}"], client: browser, signIn: none, public: [/page] }`,
    settings: 'limits: { bodyTimeout: 300ms, drainFor: 1s }',
  })
  const received = await rawExchange(
    gateway.plain,
    'POST /page HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nbegun',
  )
  t.match(received, /^HTTP\/1.1 200 .*ok$/s)
})

t.test('a body that is destroyed unread is never waited for', async (t) => {
  const { port } = await listenerUnderTest(t, {
    onExchange: async (_head, client) => {
      client.sendHead(200, ['Content-Length', '2'])
      client.body?.destroy()
      client.write(Buffer.from('ok'))
      client.end()
    },
  })
  const received = await rawExchange(port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nbegun')
  t.match(received, /^HTTP\/1.1 200 .*ok$/s)
})

t.test(
  'a client that waits for 100 Continue and gets an answer is not thought to send its body',
  async (t) => {
    const { port } = await listenerUnderTest(t, {
      onExchange: async (_head, client) => {
        client.limitBody(1000)
        answer(client, 502, 'no')
      },
    })
    const waiting = 'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n'
    t.match(await rawExchange(port, waiting), /^HTTP\/1.1 502 .*Connection: close\r\n\r\nno$/s)
  },
)

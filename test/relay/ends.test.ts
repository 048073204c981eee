import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { request } from 'undici'
import { RelayFailure } from '../../src/gateway/relay/relay.ts'
import { deadUrl, rawUpstream, relayUnderTest } from './relay-under-test.ts'

/** Resolves with everything that the upstream got on a connection, when that is closed. */
function receivedUntilClose(socket: Socket): Promise<string> {
  let received = ''
  socket.on('data', (chunk) => {
    received += chunk
  })
  return new Promise((resolve) => {
    socket.once('close', () => resolve(received))
    socket.once('end', () => socket.destroy())
  })
}

t.test('a client that goes away while it waits takes the upstream request with it', async (t) => {
  let closed: Promise<string> | undefined
  const arrived = Promise.withResolvers<void>()
  const upstream = await rawUpstream(t, (socket) => {
    closed = receivedUntilClose(socket)
    socket.once('data', () => arrived.resolve())
  })
  const gateway = await relayUnderTest(t, { upstream: [upstream] })
  const outgoing = httpRequest(gateway.url).end()
  outgoing.on('error', () => {})
  await arrived.promise
  outgoing.destroy()
  await closed
  t.match(await gateway.next(), { ended: 'client.aborted', status: 499 })
})

t.test('an upload that breaks off never looks complete to the upstream', async (t) => {
  let closed: Promise<string> | undefined
  const arrived = Promise.withResolvers<void>()
  const upstream = await rawUpstream(t, (socket) => {
    closed = receivedUntilClose(socket)
    socket.on('data', (chunk) => String(chunk).includes('part') && arrived.resolve())
  })
  const gateway = await relayUnderTest(t, { upstream: [upstream] })
  const outgoing = httpRequest(gateway.url, { method: 'POST' })
  outgoing.on('error', () => {})
  outgoing.write('part')
  await arrived.promise
  outgoing.destroy()
  const received = (await closed) ?? ''
  t.match(received, 'part')
  t.notMatch(received, '0\r\n\r\n')
  t.match(await gateway.next(), { ended: 'client.aborted' })
})

t.test(
  'a client that goes away in the middle of the answer takes the upstream connection with it',
  async (t) => {
    let closed: Promise<string> | undefined
    const upstream = await rawUpstream(t, (socket) => {
      closed = receivedUntilClose(socket)
      socket.once('data', () =>
        socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n'),
      )
    })
    const gateway = await relayUnderTest(t, { upstream: [upstream] })
    const outgoing = httpRequest(gateway.url).end()
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
    answer.on('error', () => {})
    await once(answer, 'data')
    outgoing.destroy()
    await closed
    t.match(await gateway.next(), { ended: 'client.aborted', status: 200 })
  },
)

t.test('a cut-off ends the exchange at once, and the outcome says so', async (t) => {
  let closed: Promise<string> | undefined
  const upstream = await rawUpstream(t, (socket) => {
    closed = receivedUntilClose(socket)
    socket.once('data', () => gateway.clients[0]?.abort('cut-off'))
  })
  const gateway = await relayUnderTest(t, { upstream: [upstream] })
  await t.rejects(request(gateway.url))
  await closed
  t.match(await gateway.next(), { ended: 'cut-off', status: 403 })
})

const broken: [string, string][] = [
  ['with a length', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf'],
  ['with a length, to be closed', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\nconnection: close\r\n\r\nhalf'],
  ['in chunks', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n'],
]
for (const [how, bytes] of broken) {
  t.test(`an answer ${how} that the upstream breaks off is visibly incomplete`, async (t) => {
    const upstream = await rawUpstream(t, (socket) => {
      socket.once('data', () => socket.end(bytes))
    })
    const gateway = await relayUnderTest(t, { upstream: [upstream] })
    const [answer] = (await once(httpRequest(gateway.url).end(), 'response')) as [IncomingMessage]
    await t.rejects(text(answer))
    t.match(await gateway.next(), { ended: 'upstream.aborted', status: 200 })
  })
}

t.test('an answer that ends with its connection is complete', async (t) => {
  const upstream = await rawUpstream(t, (socket) => {
    socket.once('data', () => socket.end('HTTP/1.0 200 OK\r\n\r\nall of it'))
  })
  const gateway = await relayUnderTest(t, { upstream: [upstream] })
  t.equal(await (await request(gateway.url)).body.text(), 'all of it')
  t.match(await gateway.next(), { ended: 'completed' })
})

const ok = 'HTTP/1.1 200 OK\r\n'
const invalid: [string, string][] = [
  ['that is not HTTP', 'SSH-2.0-OpenSSH_9.6\r\n'],
  ['with two lengths', `${ok}content-length: 1\r\ncontent-length: 2\r\n\r\nab`],
  ['with a length and chunks', `${ok}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`],
  ['with a signed length', `${ok}content-length: +5\r\n\r\nabcde`],
  ['with folded lines', `${ok}x-a: 1\r\n  folded\r\ncontent-length: 0\r\n\r\n`],
  ['with a bare line feed', `${ok}x-a: 1\nx-b: 2\r\ncontent-length: 0\r\n\r\n`],
  ['with headers beyond the limit', `${ok}x-a: ${'a'.repeat(40_000)}\r\ncontent-length: 0\r\n\r\n`],
  ['with status 600', 'HTTP/1.1 600 What\r\ncontent-length: 0\r\n\r\n'],
  [
    'that switches protocols unasked',
    'HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n',
  ],
  ['that is 101 without an upgrade', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
]
for (const [what, bytes] of invalid) {
  t.test(`an answer ${what} is not valid`, async (t) => {
    const upstream = await rawUpstream(t, (socket) => {
      socket.once('data', () => socket.write(bytes))
    })
    const gateway = await relayUnderTest(t, { upstream: [upstream] })
    const answer = await request(gateway.url)
    t.match(answer, { statusCode: 502, headers: { 'x-reason': 'upstream.invalid' } })
    await answer.body.dump()
    t.match(await gateway.next(), { reason: 'upstream.invalid' })
  })
}

t.test('an upstream that nobody runs is unreachable', async (t) => {
  const gateway = await relayUnderTest(t, { upstream: [deadUrl()] })
  t.match((await request(gateway.url)).headers, { 'x-reason': 'upstream.unreachable' })
  const failure = await gateway.next()
  t.type(failure, RelayFailure)
})

t.test('an upstream that does not answer times out', async (t) => {
  const upstream = await rawUpstream(t, (socket) => socket.resume())
  const gateway = await relayUnderTest(t, { upstream: [upstream], limits: { responseTimeout: 50 } })
  t.match((await request(gateway.url)).headers, { 'x-reason': 'upstream.timeout' })
})

t.test('an upstream that falls silent within its answer times out', async (t) => {
  const upstream = await rawUpstream(t, (socket) => {
    socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf'))
  })
  const gateway = await relayUnderTest(t, { upstream: [upstream], limits: { responseTimeout: 1_000 } })
  const answer = await request(gateway.url)
  await t.rejects(answer.body.text())
  t.match(await gateway.next(), { ended: 'upstream.timeout', status: 200 })
})

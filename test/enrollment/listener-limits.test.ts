import { once } from 'node:events'
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https'
import { connect, type Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import type { Answer } from '../../src/domain/answer.ts'
import type { Limits } from '../../src/domain/limits.ts'
import type { TurnedAway } from '../../src/enrollment/web/connections.ts'
import { type ListenerOptions, startListener } from '../../src/enrollment/web/listener.ts'
import { BodyMemory } from '../../src/enrollment/web/read-body.ts'
import type { Visit } from '../../src/enrollment/web/visit.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { certificates } from '../helpers/certificates.ts'
import { eventually } from '../helpers/eventually.ts'
import { defaultLimits } from '../helpers/limits.ts'

const attacker = '127.0.7.1'
const office = '127.0.7.2'
const elsewhere = '127.0.7.3'

interface Setting extends Partial<Pick<ListenerOptions, 'times' | 'bodies'>> {
  readonly limits?: Partial<Limits>
  readonly trustedProxies?: readonly string[]
  readonly answer?: (visit: Visit) => Promise<Answer>
}

/** The enrollment listener, with TLS; answers with the length of what it was sent. */
async function listening(t: Test, { limits, trustedProxies = [], ...rest }: Setting = {}) {
  const { ca, gateway } = await certificates(t)
  const turnedAway: TurnedAway[] = []
  const refused: string[] = []
  const listener = await startListener({
    settings: { listen: { scheme: 'https', host: '127.0.0.1', port: 0 }, trustedProxies },
    limits: { ...defaultLimits, ...limits },
    tls: { cert: gateway.certificate, key: gateway.key },
    random: systemRandom(),
    now: Date.now,
    answer: async ({ body }) => ({ status: 200, headers: [], body: String(body.length) }),
    onAnswered() {},
    onRefused: (code) => refused.push(code),
    onTurnedAway: (why) => turnedAway.push(why),
    ...rest,
  })
  t.teardown(() => listener.close())
  const port = Number(new URL(listener.url).port)
  const place = { host: '127.0.0.1', port }
  const trust = { ca: ca.certificate, servername: 'chat.localhost' }
  const count = (why: TurnedAway) => turnedAway.filter((one) => one === why).length
  const keep = <S extends Socket>(socket: S): S => {
    socket.on('error', () => {})
    t.teardown(() => socket.destroy())
    return socket
  }
  return {
    listener,
    refused,
    turnedAway,
    count,
    /** A TCP connection whose client says nothing. */
    async silent(localAddress: string): Promise<Socket> {
      const socket = keep(connect({ ...place, localAddress }))
      await once(socket, 'connect')
      return socket.resume()
    },
    /** A connection after its handshake, for what no proper client sends. */
    async secure(localAddress: string, options: ConnectionOptions = {}): Promise<TLSSocket> {
      const socket = keep(connectTls({ ...trust, ...options, socket: connect({ ...place, localAddress }) }))
      await once(socket, 'secureConnect')
      return socket
    },
    ask: (localAddress: string, options: RequestOptions = {}, body?: Buffer) =>
      answerTo({ ...place, ...trust, localAddress, agent: false, ...options }, body),
  }
}

async function answerTo(options: RequestOptions, body?: Buffer) {
  const sent = httpsRequest({ method: body === undefined ? 'GET' : 'PUT', path: '/mdm/x', ...options })
  sent.end(body)
  const [response] = await once(sent, 'response')
  return {
    status: response.statusCode,
    reused: sent.reusedSocket,
    headers: response.headers,
    text: String(await buffer(response)),
  }
}

const upload = (bytes: number) => `PUT /mdm/x HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes}\r\n\r\n`

const closedOf = (sockets: readonly Socket[]) => sockets.filter(({ closed }) => closed).length

t.test('whoever floods from one address keeps no other address out', async (t) => {
  const { silent, ask, count } = await listening(t, {
    limits: { connections: 60, connectionsPerAddress: 20 },
  })
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => agent.destroy())
  t.equal((await ask(elsewhere, { agent })).status, 200)
  const flood = await Promise.all(Array.from({ length: 50 }, () => silent(attacker)))
  await eventually(() => closedOf(flood) === 30)
  t.equal(count('address'), 30)
  t.match(await ask(elsewhere, { agent }), { status: 200, reused: true }, 'an idle connection is left alone')
  t.equal((await ask(elsewhere)).status, 200)
  t.equal(count('total'), 0)
})

t.test('there is an end to connections in all, which come back when others go', async (t) => {
  const { silent, ask, count } = await listening(t, { limits: { connections: 4, connectionsPerAddress: 4 } })
  const flood = await Promise.all(Array.from({ length: 4 }, () => silent(attacker)))
  await t.rejects(ask(elsewhere))
  t.ok(count('total') >= 1)
  for (const socket of flood) socket.destroy()
  await eventually(async () => (await ask(elsewhere)).status === 200)
})

t.test('a proxy that stands for many clients is held to the total alone', async (t) => {
  const { silent, ask, count } = await listening(t, {
    trustedProxies: [office],
    limits: { connections: 40, connectionsPerAddress: 5 },
  })
  const parked = await Promise.all(Array.from({ length: 30 }, () => silent(office)))
  t.equal((await ask(office)).status, 200)
  t.equal(closedOf(parked), 0)
  t.equal(count('address'), 0)
})

t.test('a company of phones behind one address is served after one push', async (t) => {
  const { ask, turnedAway } = await listening(t, { limits: { connectionsPerAddress: 8 } })
  const phones = Array.from({ length: 120 }, () => new Agent({ keepAlive: true }))
  t.teardown(() => phones.map((agent) => agent.destroy()))
  const statuses: unknown[] = []
  const line = phones.values()
  // Each keeps its connection afterwards, as phones do; six are at it at a time.
  const six = Array.from({ length: 6 }, async () => {
    for (const agent of line) statuses.push((await ask(office, { agent }, Buffer.alloc(2000))).status)
  })
  await Promise.all(six)
  t.strictSame(statuses, Array(120).fill(200))
  t.strictSame(turnedAway, [])
})

t.test('room is made of those who ask nothing, never of those who are being answered', async (t) => {
  const { promise: release, resolve } = Promise.withResolvers<void>()
  let waiting = 0
  const { ask, count } = await listening(t, {
    limits: { connectionsPerAddress: 2 },
    async answer({ path }) {
      if (path === '/mdm/long') {
        waiting++
        await release
      }
      return { status: 200, headers: [], body: '' }
    },
  })
  const agents = [new Agent({ keepAlive: true }), new Agent({ keepAlive: true })]
  t.teardown(() => agents.map((agent) => agent.destroy()))
  t.equal((await ask(elsewhere, { agent: agents[1] })).status, 200)
  const long = [0, 1].map(() => ask(office, { path: '/mdm/long', agent: agents[0] }))
  await eventually(() => waiting === 2)
  await t.rejects(ask(office))
  t.equal(count('address'), 1)
  resolve()
  for (const { status } of await Promise.all(long)) t.equal(status, 200)
  t.equal((await ask(office)).status, 200, 'now one of them is idle')
})

t.test('handshakes that stand still end, and hold up those of their own address alone', async (t) => {
  // Long enough for them to be all there.
  const { silent, ask, count } = await listening(t, { limits: { tlsHandshakeTimeout: 2000 } })
  const stalled = await Promise.all(Array.from({ length: 260 }, () => silent(attacker)))
  t.equal((await ask(elsewhere)).status, 200)
  t.equal(closedOf(stalled), 0, 'nobody had to wait for them')
  const slowBefore = ask(attacker).then(() => count('slow'))
  await eventually(() => closedOf(stalled) === 260)
  t.equal(count('slow'), 260)
  t.ok((await slowBefore) > 0, 'who is behind their address had to')
  t.equal((await ask(attacker)).status, 200)
})

t.test(
  'who stops in the middle of the handshake is closed with the listener',
  { timeout: 60_000 },
  async (t) => {
    const { silent, listener } = await listening(t, { limits: { tlsHandshakeTimeout: 3_600_000 } })
    const stalled = await silent(attacker)
    await listener.close()
    await eventually(() => stalled.closed)
  },
)

t.test('a connection is one handshake, whatever its client asks for', async (t) => {
  const { secure } = await listening(t)
  const socket = await secure(attacker, { maxVersion: 'TLSv1.2' })
  const asked = Promise.withResolvers<Error | null>()
  socket.on('error', asked.resolve)
  socket.renegotiate({}, asked.resolve)
  t.match((await asked.promise)?.message, /renegotiation/)
})

/** Longer than any of the settings here, and shorter than what would end the connection without them. */
const bound = 30_000

type UnderTest = Awaited<ReturnType<typeof listening>>

/** Over when the listener has closed the connection. */
async function drip(t: Test, { secure }: UnderTest, begin: string, drop?: string) {
  const socket = await secure(attacker)
  socket.resume()
  socket.write(begin)
  const drops = setInterval(() => drop !== undefined && socket.write(drop), 50)
  t.teardown(() => clearInterval(drops))
  await eventually(() => socket.closed, bound)
}

t.test('headers that come drop by drop, and bodies that do not come, end', async (t) => {
  const under = await listening(t, {
    limits: { headerTimeout: 400, bodyTimeout: 400 },
    times: { whole: 3_600_000, check: 100 },
  })
  await Promise.all([
    drip(t, under, ''),
    drip(t, under, 'GET / HTTP/1.1\r\nHost: a\r\n', 'X-A: b\r\n'),
    drip(t, under, upload(100_000)),
  ])
  t.strictSame(under.turnedAway, Array(3).fill('slow'))
})

t.test('a request is complete within its time, however it comes', async (t) => {
  const under = await listening(t, { limits: { headerTimeout: 800 }, times: { whole: 800, check: 100 } })
  const chunked = 'PUT /mdm/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
  await Promise.all([drip(t, under, upload(100_000), 'a'), drip(t, under, chunked, '1\r\na\r\n')])
  t.strictSame(under.turnedAway, Array(2).fill('slow'))
})

t.test('an answer that is not read holds its connection no longer than settings say', async (t) => {
  const { secure, ask } = await listening(t, {
    limits: { answerTimeout: 500, connectionsPerAddress: 1 },
    answer: async () => ({ status: 200, headers: [], body: Buffer.alloc(32 * 1024 * 1024) }),
  })
  const socket = await secure(attacker)
  socket.write('GET /crl HTTP/1.1\r\nHost: a\r\n\r\n')
  socket.pause()
  await t.rejects(ask(attacker), 'its place is taken')
  await eventually(async () => (await ask(attacker)).status === 200)
})

t.test('bodies of one address take a share of the memory, and no more', async (t) => {
  const { secure, ask, refused } = await listening(t, {
    bodies: new BodyMemory({ total: 200_000, network: 100_000 }),
  })
  const slow = await secure(attacker)
  slow.write(upload(95_000))
  slow.write(Buffer.alloc(80_000))
  const body = Buffer.alloc(50_000)
  await eventually(async () => (await ask(attacker, {}, body)).status === 503)
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => agent.destroy())
  const { headers } = await ask(attacker, { agent }, body)
  t.equal(headers['retry-after'], '60')
  t.equal(headers.connection, 'close')
  t.equal(refused.at(-1), 'service.busy')
  t.match(await ask(elsewhere, {}, body), { status: 200, text: '50000' })
  slow.end(Buffer.alloc(15_000))
  t.match(String(await buffer(slow)), /^HTTP\/1\.1 200 /)
  await eventually(async () => (await ask(attacker, {}, body)).status === 200)
  const drops = await secure(attacker)
  drops.write('PUT /mdm/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
  drops.write('1\r\na\r\n'.repeat(1000))
  const [answer] = await once(drops, 'data')
  t.match(String(answer), /^HTTP\/1\.1 503 /, 'a thousand pieces of one byte are no thousand bytes')
})

t.test('all of them together have an end, too, which leaves no trace', async (t) => {
  const { secure, ask } = await listening(t, {
    bodies: new BodyMemory({ total: 100_000, network: 90_000 }),
  })
  const slow = await secure(attacker)
  slow.write(upload(80_000))
  slow.write(Buffer.alloc(70_000))
  await eventually(async () => (await ask(elsewhere, {}, Buffer.alloc(50_000))).status === 503)
  slow.destroy()
  await eventually(async () => (await ask(elsewhere, {}, Buffer.alloc(80_000))).status === 200)
  for (let again = 0; again < 5; again++)
    t.equal((await ask(elsewhere, {}, Buffer.alloc(80_000))).status, 200)
})

t.test('what is too large is not read', async (t) => {
  const { secure, ask, refused } = await listening(t)
  t.equal((await ask(elsewhere, { path: '/enroll', method: 'POST' }, Buffer.alloc(300_000))).status, 413)
  t.equal((await ask(elsewhere, { method: 'PUT' }, Buffer.alloc(300_000))).status, 200)
  const chunked = await secure(attacker)
  chunked.write('POST /enroll HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
  const piece = `10000\r\n${'a'.repeat(0x10000)}\r\n`
  for (let pieces = 0; pieces < 6; pieces++) chunked.write(piece)
  const [answer] = await once(chunked, 'data')
  t.match(String(answer), /^HTTP\/1\.1 413 /)
  t.strictSame(refused, ['request.too-large', 'request.too-large'])
})

t.test('a connection is closed after so many requests', async (t) => {
  const { ask } = await listening(t, { limits: { requestsPerConnection: 3 } })
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => agent.destroy())
  const said: unknown[] = []
  for (let request = 0; request < 3; request++) said.push((await ask(office, { agent })).headers.connection)
  t.strictSame(said, ['keep-alive', 'keep-alive', 'close'])
})

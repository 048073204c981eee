import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import t from 'tap'
import { loadTlsMaterial } from '../../src/gateway/listener/tls-material.ts'
import { IpSet } from '../../src/lib/ip-set.ts'
import { certificates } from '../helpers/certificates.ts'
import { accepted, brokenBodies, host, refused } from './bad-bytes.ts'
import { bodiesOf, collect, listenerUnderTest, rawExchange, statusOf } from './support.ts'

type Send = (bytes: string) => Promise<{ readonly received: string; readonly closed: boolean }>

function rules(t: Tap, send: Send, under: Awaited<ReturnType<typeof listenerUnderTest>>): void {
  for (const [title, bytes, status, reason] of refused) {
    t.test(`${title} is refused with ${status}, and the connection ends`, async (t) => {
      under.refusals.length = 0
      under.heads.length = 0
      const { received, closed } = await send(bytes)
      t.equal(statusOf(received), status)
      t.equal(under.refusals[0]?.reason, reason)
      t.equal(under.heads.length, 0, 'no exchange was made of it')
      t.equal(closed, true)
      t.notMatch(received.slice(1), /HTTP\/1\.1/, 'one answer')
    })
  }
  for (const [title, bytes] of brokenBodies) {
    t.test(`${title} breaks the body off`, async (t) => {
      const { received, closed } = await send(bytes)
      t.match(received, /^HTTP\/1\.1 400 [\s\S]*http\.malformed$/)
      t.equal(closed, true)
    })
  }
  for (const [title, bytes, answer] of accepted) {
    t.test(`${title} is taken, and the connection serves on`, async (t) => {
      const { received } = await send(`${bytes}GET /next HTTP/1.1\r\n${host}Connection: close\r\n\r\n`)
      t.strictSame(bodiesOf(received), [answer, 'GET /next '])
    })
  }
  t.test('what follows a refused request is thrown away', async (t) => {
    under.heads.length = 0
    await send(`GET /a/../b HTTP/1.1\r\n${host}\r\nGET /hidden HTTP/1.1\r\n${host}\r\n`)
    t.equal(under.heads.length, 0)
  })
  t.test('and the listener still serves', async (t) => {
    const { received } = await send(`GET / HTTP/1.1\r\n${host}Connection: close\r\n\r\n`)
    t.equal(statusOf(received), 200)
  })
}

type Tap = typeof t

t.test('on a plain listener', async (t) => {
  const under = await listenerUnderTest(t as Tap)
  rules(t as Tap, (bytes) => rawExchange(under.port, Buffer.from(bytes, 'latin1')), under)
})

t.test('on a plain listener behind the PROXY protocol', async (t) => {
  const trustedProxies = IpSet.of(['127.0.0.1'])
  const under = await listenerUnderTest(t as Tap, { proxyProtocol: true, trustedProxies })
  const header = 'PROXY TCP4 203.0.113.7 192.0.2.1 4711 443\r\n'
  rules(t as Tap, (bytes) => rawExchange(under.port, Buffer.from(header + bytes, 'latin1')), under)
})

t.test('on a TLS listener', async (t) => {
  const { folder } = await certificates(t as Tap)
  const tls = await loadTlsMaterial({
    certificates: [{ cert: `${folder}/gateway.crt`, key: `${folder}/gateway.key` }],
    clientCa: [],
    crl: [],
    http2: true,
  })
  const listen = { scheme: 'https' as const, host: '127.0.0.1', port: 0 }
  const under = await listenerUnderTest(t as Tap, { listen, tls })
  const options: ConnectionOptions = {
    port: under.port,
    host: '127.0.0.1',
    servername: 'localhost',
    rejectUnauthorized: false,
  }
  rules(t as Tap, (bytes) => collect(connectTls(options), Buffer.from(bytes, 'latin1'), () => false), under)
})

import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import t from 'tap'

type Tap = typeof t

import { loadTlsMaterial } from '../../src/gateway/listener/tls-material.ts'
import { IpSet } from '../../src/lib/ip-set.ts'
import { certificates } from '../helpers/certificates.ts'
import { collect, listenerUnderTest, oneAnswer, rawExchange, statusOf } from './support.ts'

const trustedProxies = IpSet.of(['127.0.0.1'])
const header = 'PROXY TCP4 203.0.113.7 192.0.2.1 4711 443\r\n'
const get = 'GET / HTTP/1.1\r\nHost: mail.localhost\r\n\r\n'

t.test('the header’s address is the source', async (t) => {
  const { port, heads } = await listenerUnderTest(t, { proxyProtocol: true, trustedProxies })
  t.equal(statusOf((await rawExchange(port, header + get, oneAnswer)).received), 200)
  t.strictSame(heads[0]?.source, { address: '203.0.113.7', derivedFrom: 'proxy-protocol', peer: '127.0.0.1' })
})

t.test('a header that arrives in pieces is the same', async (t) => {
  const { port, heads } = await listenerUnderTest(t, { proxyProtocol: true, trustedProxies })
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  const answered = collect(socket, '', oneAnswer)
  for (const character of header + get) await new Promise((resolve) => socket.write(character, resolve))
  t.equal(statusOf((await answered).received), 200)
  t.equal(heads[0]?.source.address, '203.0.113.7')
})

t.test('LOCAL and UNKNOWN keep the peer', async (t) => {
  const { port, heads } = await listenerUnderTest(t, { proxyProtocol: true, trustedProxies })
  await rawExchange(port, `PROXY UNKNOWN\r\n${get}`, oneAnswer)
  t.equal(heads[0]?.source.address, '127.0.0.1')
})

t.test('the address of the header is a peer: its forwarding fields are not believed', async (t) => {
  const { port, heads } = await listenerUnderTest(t, { proxyProtocol: true, trustedProxies })
  await rawExchange(
    port,
    header + get.replace('\r\n\r\n', '\r\nX-Forwarded-For: 10.20.0.5\r\n\r\n'),
    oneAnswer,
  )
  t.equal(heads[0]?.source.address, '203.0.113.7')
})

t.test('a connection without the header is closed without an answer', async (t) => {
  const { port, refusals, heads } = await listenerUnderTest(t, { proxyProtocol: true, trustedProxies })
  t.strictSame(await rawExchange(port, get), { received: '', closed: true })
  t.match(refusals, [{ reason: 'http.malformed', detail: /PROXY/ }])
  t.equal(heads.length, 0)
})

t.test('a stranger cannot state its own address', async (t) => {
  const { port, heads } = await listenerUnderTest(t, {
    proxyProtocol: true,
    trustedProxies: IpSet.of(['127.0.0.9']),
  })
  t.strictSame(await rawExchange(port, header + get), { received: '', closed: true })
  t.equal(heads.length, 0)
})

t.test('a header that never ends, and a head behind it that never ends, cost the connection', async (t) => {
  const limits = { proxyHeaderTimeout: 1_000, headerTimeout: 1_000 }
  const { port } = await listenerUnderTest(t, { proxyProtocol: true, trustedProxies, limits })
  t.strictSame(await rawExchange(port, 'PROXY TCP4 '), { received: '', closed: true })
  t.equal(statusOf((await rawExchange(port, `${header}GET / HTTP/1.1\r\n`)).received), 408)
})

t.test('it comes before TLS, and counts by the client’s address', async (t) => {
  const { folder } = await certificates(t as Tap)
  const certificate = { cert: `${folder}/gateway.crt`, key: `${folder}/gateway.key` }
  const tls = await loadTlsMaterial({ certificates: [certificate], clientCa: [], crl: [], http2: true })
  const listen = { scheme: 'https' as const, host: '127.0.0.1', port: 0 }
  const { port, heads } = await listenerUnderTest(t, {
    listen,
    tls,
    proxyProtocol: true,
    trustedProxies,
    limits: { connectionsPerAddress: 1, headerTimeout: 2_000 },
  })
  const open = async (address: string) => {
    const socket = connect(port, '127.0.0.1')
    socket.write(header.replace('203.0.113.7', address))
    return connectTls({ socket, servername: 'mail.localhost', rejectUnauthorized: false })
  }
  const first = await open('203.0.113.7')
  await new Promise((resolve) => first.write(get, () => first.once('data', resolve)))
  t.strictSame(await collect(await open('203.0.113.7'), get, oneAnswer), { received: '', closed: true })
  t.equal(statusOf((await collect(await open('203.0.113.8'), get, oneAnswer)).received), 200)
  t.strictSame(
    heads.map(({ source }) => source.address),
    ['203.0.113.7', '203.0.113.8'],
  )
  t.equal(statusOf((await collect(await open('203.0.113.9'), 'GET / HT', () => false)).received), 408)
  first.destroy()
})

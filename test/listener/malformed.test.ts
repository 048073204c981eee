import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import t from 'tap'
import { loadTlsMaterial } from '../../src/gateway/listener/tls-material.ts'
import { IpSet } from '../../src/lib/ip-set.ts'
import { certificates } from '../helpers/certificates.ts'
import { collect, listenerUnderTest, rawExchange, statusOf } from './support.ts'

const host = 'Host: localhost\r\n'
const chunked = `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n`
const long = (count: number) => 'x'.repeat(count)
const websocket = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'

/** What each is, its bytes, the status, and the reason in the log. */
const refused: readonly (readonly [string, string, number, string])[] = [
  ['a bare LF behind the request line', `GET / HTTP/1.1\n${host}\r\n`, 400, 'http.malformed'],
  ['a bare LF behind a field', `GET / HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n`, 400, 'http.malformed'],
  ['a bare LF at the end', `GET / HTTP/1.1\r\n${host}\n`, 400, 'http.malformed'],
  ['a bare CR in a value', `GET / HTTP/1.1\r\n${host}X: a\rb\r\n\r\n`, 400, 'http.malformed'],
  ['NUL in a value', `GET / HTTP/1.1\r\n${host}X: a\0b\r\n\r\n`, 400, 'http.malformed'],
  ['a folded line', `GET / HTTP/1.1\r\n${host}X: a\r\n b\r\n\r\n`, 400, 'http.malformed'],
  ['a space before the colon', `GET / HTTP/1.1\r\nHost : localhost\r\n\r\n`, 400, 'http.field-name'],
  ['a field without a name', `GET / HTTP/1.1\r\n${host}: a\r\n\r\n`, 400, 'http.field-name'],
  ['two Hosts', `GET / HTTP/1.1\r\n${host}${host}\r\n`, 400, 'http.field-repeated'],
  ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400, 'http.host'],
  ['no Host in HTTP/1.0', 'GET / HTTP/1.0\r\n\r\n', 400, 'http.host'],
  ['a Host with a user', 'GET / HTTP/1.1\r\nHost: a@localhost\r\n\r\n', 400, 'http.host'],
  ['a Host list', 'GET / HTTP/1.1\r\nHost: localhost, evil\r\n\r\n', 400, 'http.host'],
  ['another target than Host', `GET http://evil/ HTTP/1.1\r\n${host}\r\n`, 400, 'http.host'],
  ['authority-form', `GET localhost:80 HTTP/1.1\r\n${host}\r\n`, 400, 'http.target'],
  ['a scheme that is not HTTP', `GET ftp://localhost/ HTTP/1.1\r\n${host}\r\n`, 400, 'http.target'],
  ['a fragment', `GET /a#b HTTP/1.1\r\n${host}\r\n`, 400, 'http.target'],
  ['an asterisk without OPTIONS', `GET * HTTP/1.1\r\n${host}\r\n`, 400, 'http.target'],
  ['CONNECT', `CONNECT localhost:443 HTTP/1.1\r\n${host}\r\n`, 405, 'http.method'],
  ['TRACE', `TRACE / HTTP/1.1\r\n${host}\r\n`, 405, 'http.method'],
  ['a method that is not listed', `PROPFIND / HTTP/1.1\r\n${host}\r\n`, 405, 'http.method'],
  ['a method in lower case', `get / HTTP/1.1\r\n${host}\r\n`, 405, 'http.method'],
  ['HTTP/0.9', `GET /\r\n${host}\r\n`, 505, 'http.version'],
  ['HTTP/2.0 without ALPN', `GET / HTTP/2.0\r\n${host}\r\n`, 505, 'http.version'],
  ['the HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505, 'http.version'],
  ['HTTP/1.2', `GET / HTTP/1.2\r\n${host}\r\n`, 400, 'http.malformed'],
  [
    'Content-Length and Transfer-Encoding',
    `POST / HTTP/1.1\r\n${host}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    400,
    'http.framing',
  ],
  [
    'two Content-Lengths',
    `POST / HTTP/1.1\r\n${host}Content-Length: 1\r\nContent-Length: 1\r\n\r\na`,
    400,
    'http.field-repeated',
  ],
  ['a signed Content-Length', `POST / HTTP/1.1\r\n${host}Content-Length: +1\r\n\r\na`, 400, 'http.framing'],
  ['a Content-Length list', `POST / HTTP/1.1\r\n${host}Content-Length: 1, 1\r\n\r\na`, 400, 'http.framing'],
  [
    'a Content-Length beyond exact numbers',
    `POST / HTTP/1.1\r\n${host}Content-Length: 9999999999999999\r\n\r\na`,
    400,
    'http.framing',
  ],
  [
    'a coding before chunked',
    `POST / HTTP/1.1\r\n${host}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    501,
    'http.transfer-coding',
  ],
  [
    'an unknown coding',
    `POST / HTTP/1.1\r\n${host}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
    501,
    'http.transfer-coding',
  ],
  [
    'two Transfer-Encodings',
    `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    400,
    'http.field-repeated',
  ],
  [
    'Transfer-Encoding in HTTP/1.0',
    `POST / HTTP/1.0\r\n${host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    400,
    'http.framing',
  ],
  [
    'another expectation',
    `POST / HTTP/1.1\r\n${host}Expect: 200-ok\r\nContent-Length: 1\r\n\r\na`,
    417,
    'http.expect',
  ],
  [
    'Connection that names Host',
    `GET / HTTP/1.1\r\n${host}Connection: close, host\r\n\r\n`,
    400,
    'http.connection',
  ],
  ['a dot segment', `GET /a/%2e%2e/b HTTP/1.1\r\n${host}\r\n`, 400, 'path.ambiguous'],
  ['an encoded slash', `GET /a%2Fb HTTP/1.1\r\n${host}\r\n`, 400, 'path.ambiguous'],
  ['a target that is too long', `GET /${long(17_000)} HTTP/1.1\r\n${host}\r\n`, 414, 'limit.target-size'],
  [
    'headers that are too long',
    `GET / HTTP/1.1\r\n${host}X: ${long(70_000)}\r\n\r\n`,
    431,
    'limit.header-size',
  ],
  [
    'headers that are far too long',
    `GET / HTTP/1.1\r\n${host}X: ${long(200_000)}\r\n\r\n`,
    431,
    'limit.header-size',
  ],
  ['too many fields', `GET / HTTP/1.1\r\n${host}${'X: y\r\n'.repeat(200)}\r\n`, 431, 'limit.header-size'],
  [
    'a WebSocket handshake of another version',
    `GET / HTTP/1.1\r\n${host}${websocket.replace('13', '8')}Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
    400,
    'http.upgrade',
  ],
  [
    'a WebSocket handshake with a short key',
    `GET / HTTP/1.1\r\n${host}${websocket}Sec-WebSocket-Key: AAAA\r\n\r\n`,
    400,
    'http.upgrade',
  ],
  [
    'a WebSocket handshake with a body',
    `GET / HTTP/1.1\r\n${host}${websocket}Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nContent-Length: 1\r\n\r\na`,
    400,
    'http.upgrade',
  ],
  ['bytes that are not HTTP', '\x16\x03\x01\x02\0\x01\0', 400, 'http.malformed'],
]

/** Bodies that turn out wrong: the handler's read fails with this reason. */
const brokenBodies: readonly (readonly [string, string])[] = [
  ['a chunk size with 0x', `${chunked}0x1\r\na\r\n0\r\n\r\n`],
  ['a chunk size with a sign', `${chunked}-1\r\na\r\n0\r\n\r\n`],
  ['a chunk size that overflows', `${chunked}10000000000000001\r\na\r\n0\r\n\r\n`],
  ['a chunk size behind a space', `${chunked} 1\r\na\r\n0\r\n\r\n`],
  ['a bare LF behind a chunk size', `${chunked}1\na\r\n0\r\n\r\n`],
  ['a bare LF in a chunk extension', `${chunked}1;a\nb\r\na\r\n0\r\n\r\n`],
  ['a bare LF behind chunk data', `${chunked}1\r\na\n0\r\n\r\n`],
  ['chunk data longer than its size', `${chunked}1\r\nabc\r\n0\r\n\r\n`],
  ['a bare LF behind a trailer', `${chunked}1\r\na\r\n0\r\nX: y\n\r\n`],
  ['a folded trailer', `${chunked}1\r\na\r\n0\r\nX: y\r\n z\r\n\r\n`],
  ['chunk extensions without end', `${chunked}1;${long(20_000)}\r\na\r\n0\r\n\r\n`],
]

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

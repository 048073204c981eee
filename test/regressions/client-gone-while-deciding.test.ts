/**
 * The attack: ask for a public path with a cookie that takes a moment to verify, and reset the connection in that
 * moment. The exchange was forwarded for a client that was gone: nobody heard of its end any more, so the upstream's
 * connection waited for ever for somebody to read the answer. A thousand such requests used up all connections to the
 * upstream, from anywhere and without any credentials.
 */
import { once } from 'node:events'
import { connect, constants } from 'node:http2'
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { gatewayUnderTest } from '../helpers/gateway-under-test.ts'
import { ask } from '../helpers/http-client.ts'
import { rawConnection } from '../helpers/raw-exchange.ts'
import { upstreamServer } from './upstream-server.ts'

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const forged = `${part({ alg: 'HS256', typ: 'gatehouse-voucher+jwt' })}.${part({ exp: 9e9 })}.${'A'.repeat(43)}`

async function siteBehindGateway(t: Parameters<typeof gatewayUnderTest>[0]) {
  const site = await upstreamServer(t, (_, response) => response.end('x'.repeat(1_000_000)))
  const gateway = await gatewayUnderTest(t, {
    services: `
  - { name: site, hosts: [localhost], upstream: ["${site.url}"], client: browser, signIn: none, public: [/public] }`,
    settings: 'limits: { upstreamConnections: 2, connectTimeout: 20s, drainFor: 1s }',
  })
  const stillServes = async () => {
    const { status } = await ask({ port: gateway.plain, host: 'localhost', path: '/public' })
    return status === 200
  }
  return { gateway, stillServes }
}

t.test(
  'a client that is gone before its request is decided holds no upstream connection (HTTP/1.1)',
  async (t) => {
    const { gateway, stillServes } = await siteBehindGateway(t)
    for (let i = 0; i < 20; i++) {
      const socket = await rawConnection(gateway.plain)
      socket.on('error', () => {})
      const head = 'GET /public HTTP/1.1\r\nHost: localhost\r\n'
      socket.write(`${head}Cookie: gatehouse-voucher=${forged}\r\n\r\n`, () => socket.resetAndDestroy())
    }
    await eventually(async () => gateway.log().filter(({ msg }) => msg === 'exchange').length >= 20)
    t.ok(await stillServes())
  },
)

t.test(
  'a client that is gone before its request is decided holds no upstream connection (HTTP/2)',
  async (t) => {
    const { gateway, stillServes } = await siteBehindGateway(t)
    const session = connect(`https://localhost:${gateway.tls}`, { ca: gateway.ca })
    session.on('error', () => {})
    const send = () => {
      const headers = { ':path': '/public', cookie: `__Host-gatehouse-voucher=${forged}` }
      return session
        .request(headers)
        .on('error', () => {})
        .resume()
    }
    for (let i = 0; i < 20; i++) {
      const stream = send()
      stream.once('ready', () => setImmediate(() => stream.close(constants.NGHTTP2_CANCEL)))
    }
    // What is verified last: the others have been by then.
    await once(send(), 'close')
    session.destroy()
    t.ok(await stillServes())
  },
)

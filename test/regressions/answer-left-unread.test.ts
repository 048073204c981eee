/**
 * The attack: ask for a large public file and read nothing. The answer waited for its client for as long as that kept
 * the connection open, and with it an upstream connection; as many such clients as the upstream may have connections
 * kept everybody out.
 */
import { connect } from 'node:http2'
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { gatewayUnderTest } from '../helpers/gateway-under-test.ts'
import { ask } from '../helpers/http-client.ts'
import { rawConnection } from '../helpers/raw-exchange.ts'
import { upstreamServer } from './upstream-server.ts'

async function siteBehindGateway(test: Parameters<typeof gatewayUnderTest>[0]) {
  const file = Buffer.alloc(32 * 1024 * 1024)
  const site = await upstreamServer(test, ({ url }, response) =>
    response.end(url === '/file' ? file : 'page'),
  )
  const gateway = await gatewayUnderTest(test, {
    services: `
  - { name: site, hosts: [localhost], upstream: ["${site.url}"], client: browser, signIn: none, public: [/file, /page] }`,
    settings: 'limits: { upstreamConnections: 2, connectTimeout: 2s, answerTimeout: 300ms, drainFor: 1s }',
  })
  const serves = async () => {
    const { status } = await ask({ port: gateway.plain, host: 'localhost', path: '/page' })
    return status === 200
  }
  return { gateway, site, serves }
}

t.test('an answer that is left unread is broken off (HTTP/1.1)', async (t) => {
  const { gateway, site, serves } = await siteBehindGateway(t)
  for (let i = 0; i < 2; i++) {
    const socket = await rawConnection(gateway.plain)
    t.teardown(() => socket.destroy())
    socket.on('error', () => {})
    socket.write('GET /file HTTP/1.1\r\nHost: localhost\r\n\r\n')
  }
  await eventually(() => site.requests.length === 2)
  t.ok(await eventually(serves))
})

t.test('an answer that is left unread is broken off (HTTP/2)', async (t) => {
  const { gateway, site, serves } = await siteBehindGateway(t)
  const session = connect(`https://localhost:${gateway.tls}`, { ca: gateway.ca })
  t.teardown(() => session.destroy())
  session.on('error', () => {})
  for (let i = 0; i < 2; i++) session.request({ ':path': '/file' }).on('error', () => {})
  await eventually(() => site.requests.length === 2)
  t.ok(await eventually(serves))
})

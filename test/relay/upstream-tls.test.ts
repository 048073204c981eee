import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { request } from 'undici'
import { certificates } from '../helpers/certificates.ts'
import { relayUnderTest } from './relay-under-test.ts'

/** A TLS upstream with the evaluation's certificate for `mail.localhost` and others. */
async function tlsUpstream(t: Test) {
  const { gateway, ca } = await certificates(t)
  const connections = new Set<unknown>()
  const names: unknown[] = []
  const server = createServer({ cert: gateway.certificate, key: gateway.key }, (_request, response) => {
    response.end('over TLS')
  })
  server.on('secureConnection', (socket) => {
    connections.add(socket)
    names.push(socket.servername)
  })
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: (host: string) => new URL(`https://${host}:${port}`), ca: ca.certificate, connections, names }
}

t.test('the upstream’s certificate is checked against the service’s CA', async (t) => {
  const upstream = await tlsUpstream(t)
  const upstreamTls = { ca: [upstream.ca], verify: true }
  const gateway = await relayUnderTest(t, { upstream: [upstream.url('localhost')], service: { upstreamTls } })
  t.equal(await (await request(gateway.url)).body.text(), 'over TLS')
})

t.test('a certificate of an unknown CA is refused', async (t) => {
  const upstream = await tlsUpstream(t)
  const gateway = await relayUnderTest(t, { upstream: [upstream.url('localhost')] })
  t.match((await request(gateway.url)).headers, { 'x-reason': 'upstream.tls' })
})

t.test('a certificate for another name is refused, unless the settings name it', async (t) => {
  const upstream = await tlsUpstream(t)
  const tls = { ca: [upstream.ca], verify: true }
  const wrong = { upstream: [upstream.url('localhost')] }
  const other = { ...tls, serverName: 'other.example' }
  const refused = await relayUnderTest(t, { ...wrong, service: { upstreamTls: other } })
  t.match((await request(refused.url)).headers, { 'x-reason': 'upstream.tls' })
  const named = { ...tls, serverName: 'mail.localhost' }
  const byAddress = { upstream: [upstream.url('127.0.0.1')], service: { upstreamTls: named } }
  const accepted = await relayUnderTest(t, byAddress)
  t.equal((await request(accepted.url)).statusCode, 200)
  t.equal(upstream.names.at(-1), 'mail.localhost')
})

t.test('verification can be turned off for a service', async (t) => {
  const upstream = await tlsUpstream(t)
  const upstreamTls = { ca: [], verify: false }
  const gateway = await relayUnderTest(t, { upstream: [upstream.url('127.0.0.1')], service: { upstreamTls } })
  t.equal((await request(gateway.url)).statusCode, 200)
})

t.test('clients’ host names do not split the connections to an upstream', async (t) => {
  const upstream = await tlsUpstream(t)
  const upstreamTls = { ca: [upstream.ca], verify: true }
  const gateway = await relayUnderTest(t, { upstream: [upstream.url('localhost')], service: { upstreamTls } })
  for (const host of ['a.example', 'b.example', 'a.example']) {
    await (await request(gateway.url, { headers: { host } })).body.dump()
  }
  t.equal(upstream.connections.size, 1)
  t.strictSame(upstream.names, ['localhost'])
})

import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { certificates } from '../helpers/certificates.ts'
import { internet } from '../helpers/chat.ts'
import { gatewayUnderTest } from '../helpers/gateway-under-test.ts'
import { ask, navigation } from '../helpers/http-client.ts'

async function behindTls(t: Test, keys: string) {
  const { gateway } = await certificates(t)
  const upstream = createServer({ cert: gateway.certificate, key: gateway.key }, (_, response) =>
    response.end('hello'),
  )
  upstream.listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  t.teardown(() => upstream.close())
  const { port } = upstream.address() as AddressInfo
  const { folder } = await certificates(t)
  const under = await gatewayUnderTest(t, {
    services: `  - name: chat
    hosts: [chat.localhost]
    upstream: ["https://127.0.0.1:${port}"]
    client: browser
    signIn: none
    public: ["/*", "/"]
    ${keys.replace('CA', join(folder, 'ca.crt'))}`,
  })
  return ask({ port: under.tls, host: 'chat.localhost', ca: under.ca, from: internet, headers: navigation })
}

t.test('an upstream whose certificate nobody vouches for is not spoken to', async (t) => {
  const answer = await behindTls(t, 'hsts: true')
  t.equal(answer.status, 502)
  t.match(answer.body, 'cannot be reached')
  t.match(answer.headers['strict-transport-security'], 'max-age=', 'refusals of an https-only service say so')
})

t.test('an upstream is verified against the CA that its service names', async (t) => {
  const answer = await behindTls(t, 'upstreamTls: { ca: [CA], serverName: chat.localhost }')
  t.equal(answer.body, 'hello')
  t.equal(answer.headers['strict-transport-security'], undefined)
})

t.test('answers of an https-only service tell browsers to stay with https', async (t) => {
  const answer = await behindTls(t, 'upstreamTls: { ca: [CA], serverName: chat.localhost }\n    hsts: true')
  t.match(answer.headers['strict-transport-security'], 'max-age=')
})

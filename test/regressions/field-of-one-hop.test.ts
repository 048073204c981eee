/**
 * The attack: `Connection: X-User` has the gateway take X-User out of what it forwards. It read the field all the same,
 * so that it registered a device for alice by an answer that the upstream gave to nobody.
 */
import t from 'tap'
import { wifi } from '../helpers/chat.ts'
import { gatewayUnderTest } from '../helpers/gateway-under-test.ts'
import { ask } from '../helpers/http-client.ts'
import { upstreamServer } from './upstream-server.ts'

t.test('a field that ends with the client’s hop says nothing to the gateway either', async (t) => {
  const api = await upstreamServer(t, (_, response) => response.end('public information'))
  const gateway = await gatewayUnderTest(t, {
    services: `
  - name: api
    hosts: [api.localhost]
    upstream: ["${api.url}"]
    client: generic
    generic:
      device: [{ header: X-Device }]
      user: { header: X-User }
      success: { status: [200] }`,
  })
  await ask({
    port: gateway.tls,
    ca: gateway.ca,
    host: 'api.localhost',
    from: wifi,
    headers: { 'x-device': '0001', 'x-user': 'alice', connection: 'close, X-User' },
  })
  t.equal(api.requests.at(-1)?.headers['x-user'], undefined)
  t.same(await (await gateway.openStore()).registrations.list({ limit: 5 }), [])
})

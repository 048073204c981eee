/**
 * The attack: a Lync server gives tickets to guests of a meeting, who show no password
 * (`grant_type=urn:microsoft.rtc:anonmeeting`). With `username=alice` beside that grant the gateway remembered the
 * guest's ticket as alice's, and the application that the guest created with it was registered for her.
 */
import t from 'tap'
import { wifi } from '../helpers/chat.ts'
import { gatewayUnderTest } from '../helpers/gateway-under-test.ts'
import { ask, form } from '../helpers/http-client.ts'
import { upstreamServer } from './upstream-server.ts'

const ticket = `cwt=${'G'.repeat(40)}`

t.test('a ticket that no password was shown for is nobody’s', async (t) => {
  const server = await upstreamServer(t, (request, response) => {
    if (request.url === '/webticket/oauthtoken') response.end(JSON.stringify({ access_token: ticket }))
    else response.writeHead(201).end()
  })
  const gateway = await gatewayUnderTest(t, {
    services: `  - { name: lync, hosts: [lync.localhost], upstream: ["${server.url}"], client: lync, public: ["/webticket/*"] }`,
  })
  const target = { port: gateway.tls, ca: gateway.ca, host: 'lync.localhost', from: wifi, method: 'POST' }
  const given = await ask({
    ...target,
    path: '/webticket/oauthtoken',
    headers: form,
    body: 'grant_type=urn%3Amicrosoft.rtc%3Aanonmeeting&username=alice%40example.com&password=',
  })
  t.equal(given.status, 200)
  const created = await ask({
    ...target,
    path: '/ucwa/oauth/v1/applications',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${ticket}` },
    body: '{"endpointId":"e-1"}',
  })
  t.equal(created.headers['set-cookie'], undefined)
  const store = await gateway.openStore()
  t.same(await store.registrations.list({ limit: 5 }), [])
})

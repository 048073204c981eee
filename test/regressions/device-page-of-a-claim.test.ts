/**
 * The attack: ask for the page "this device" with device ids in their order. Where the id is all that a request has to
 * claim, the page told whose device each of them was.
 */
import t from 'tap'
import { internet, wifi } from '../helpers/chat.ts'
import { gatewayUnderTest } from '../helpers/gateway-under-test.ts'
import { ask, form } from '../helpers/http-client.ts'
import { upstreamServer } from './upstream-server.ts'

t.test('the page of a device that is merely claimed does not say whose it is', async (t) => {
  const api = await upstreamServer(t, (_, response) => response.end('welcome'))
  const gateway = await gatewayUnderTest(t, {
    services: `
  - name: api
    hosts: [api.localhost]
    upstream: ["${api.url}"]
    client: generic
    generic:
      device: [{ header: X-Device }]
      user: { form: username }
      signIn: { method: POST, path: /login }
      success: { status: [200] }`,
  })
  const target = { port: gateway.tls, ca: gateway.ca, host: 'api.localhost' }
  const headers = { 'x-device': '0001' }
  const signIn = { method: 'POST', path: '/login', body: 'username=alice' }
  const signedIn = await ask({ ...target, ...signIn, from: wifi, headers: { ...headers, ...form } })
  t.equal(signedIn.status, 200)
  const page = await ask({ ...target, from: internet, path: '/.gatehouse/device', headers })
  t.match(page.body, 'This device is registered')
  t.notMatch(page.body, 'alice')
})

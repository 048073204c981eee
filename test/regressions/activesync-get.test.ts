/**
 * The attack: servers answer GET and OPTIONS on their ActiveSync address with 200 before they look at any credentials.
 * Such an answer was taken for the proof of a password, so that a guess at it registered a device for alice.
 */
import t from 'tap'
import { wifi } from '../helpers/chat.ts'
import { gatewayUnderTest } from '../helpers/gateway-under-test.ts'
import { ask } from '../helpers/http-client.ts'
import { upstreamServer } from './upstream-server.ts'

t.test('only the answer to a command proves a password', async (t) => {
  const mail = await upstreamServer(t, (_, response) => response.end('This address is for mail apps'))
  const gateway = await gatewayUnderTest(t, {
    services: `  - { name: mail, hosts: [mail.localhost], upstream: ["${mail.url}"], client: activesync }`,
  })
  for (const method of ['GET', 'OPTIONS']) {
    const answer = await ask({
      port: gateway.tls,
      ca: gateway.ca,
      host: 'mail.localhost',
      from: wifi,
      method,
      path: '/Microsoft-Server-ActiveSync?Cmd=Sync&User=alice&DeviceId=A1&DeviceType=iPhone',
      headers: { authorization: `Basic ${btoa('alice:guess')}` },
    })
    t.equal(answer.status, 200)
  }
  t.same(await (await gateway.openStore()).registrations.list({ limit: 5 }), [])
})

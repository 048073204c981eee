/**
 * The attack: a request that names alice and the DeviceId of her phone, and shows no credentials at all, is let through
 * so that the upstream can ask for them. It carried `Gatehouse-User: alice` and a signed `Gatehouse-Token`, by which an
 * upstream that trusts the gateway took anybody for alice.
 */
import t from 'tap'
import { internet, wifi } from '../helpers/chat.ts'
import { gatewayUnderTest } from '../helpers/gateway-under-test.ts'
import { ask } from '../helpers/http-client.ts'
import { ntlmOpening } from '../helpers/ntlm-client.ts'
import { upstreamServer } from './upstream-server.ts'

t.test('the gateway vouches for nobody who has shown nothing', async (t) => {
  const mail = await upstreamServer(t, (request, response) => {
    response.writeHead(request.headers.authorization?.startsWith('Basic') ? 200 : 401).end()
  })
  const gateway = await gatewayUnderTest(t, {
    services: `  - { name: mail, hosts: [mail.localhost], upstream: ["${mail.url}"], client: activesync }`,
  })
  const sync = (from: string, authorization?: string) =>
    ask({
      port: gateway.tls,
      ca: gateway.ca,
      host: 'mail.localhost',
      from,
      method: 'POST',
      path: '/Microsoft-Server-ActiveSync?Cmd=Sync&User=alice&DeviceId=A1&DeviceType=iPhone',
      headers: authorization === undefined ? {} : { authorization },
    })
  const basic = `Basic ${btoa('alice:wonderland')}`
  t.equal((await sync(wifi, basic)).status, 200)
  for (const authorization of [undefined, `NTLM ${ntlmOpening()}`]) {
    t.equal((await sync(internet, authorization)).status, 401, 'the upstream asks for credentials')
    t.notMatch(mail.requests.at(-1)?.headers, { 'gatehouse-user': String })
    t.notMatch(mail.requests.at(-1)?.headers, { 'gatehouse-token': String })
  }
  t.equal((await sync(internet, basic)).status, 200)
  t.match(mail.requests.at(-1)?.headers, { 'gatehouse-user': 'alice', 'gatehouse-token': String })
})

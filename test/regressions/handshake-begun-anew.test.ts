/**
 * The attack: alice signs a connection in by NTLM, then sends the first message of another handshake, which names
 * nobody, with the claims of bob's phone. The gateway took the request for bob's phone, and a server that asks a
 * signed-in connection no more answered alice.
 */
import t from 'tap'
import { ntlmAuthenticate } from '../clients/helpers/ntlm.ts'
import { internet, wifi } from '../helpers/chat.ts'
import { gatewayUnderTest } from '../helpers/gateway-under-test.ts'
import { ask } from '../helpers/http-client.ts'
import { ntlmOpening } from '../helpers/ntlm-client.ts'
import { rawExchange } from '../helpers/raw-exchange.ts'
import { upstreamServer } from './upstream-server.ts'

const path = '/Microsoft-Server-ActiveSync?Cmd=Sync&User=bob&DeviceId=B1&DeviceType=iPhone'

t.test('a connection that is signed in as one user lends itself to no other user’s device', async (t) => {
  const mail = await upstreamServer(t, (_, response) => response.end('mail'))
  const gateway = await gatewayUnderTest(t, {
    services: `  - { name: mail, hosts: [mail.localhost], upstream: ["${mail.url}"], client: activesync, public: ["/autodiscover/*"] }`,
  })
  const registered = await ask({
    port: gateway.tls,
    ca: gateway.ca,
    host: 'mail.localhost',
    from: wifi,
    method: 'POST',
    path,
    headers: { authorization: `Basic ${btoa('bob:builder')}` },
  })
  t.equal(registered.status, 200)

  const alice = ntlmAuthenticate('CORP', 'alice').toString('base64')
  const signingIn = `GET /autodiscover/x HTTP/1.1\r\nHost: mail.localhost\r\nAuthorization: NTLM ${alice}\r\n\r\n`
  const asBob = `POST ${path} HTTP/1.1\r\nHost: mail.localhost\r\nAuthorization: NTLM ${ntlmOpening()}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`
  const answers = await rawExchange(gateway.plain, signingIn + asBob, { localAddress: internet })
  t.match(answers, /^HTTP\/1\.1 200 [\s\S]*HTTP\/1\.1 403 /)
  t.same(
    mail.requests.map(({ target }) => target),
    [path, '/autodiscover/x'],
  )
})

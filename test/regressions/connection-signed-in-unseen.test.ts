/**
 * The attack: bob signs a connection in by Kerberos on a path that is public, where the gateway let credentials pass
 * that it cannot read. The next request on that connection shows no credentials and claims to be alice's phone, whose
 * DeviceId is no secret: the gateway found alice's registration, and the upstream answered bob.
 */
import t from 'tap'
import { internet, wifi } from '../helpers/chat.ts'
import { gatewayUnderTest } from '../helpers/gateway-under-test.ts'
import { ask } from '../helpers/http-client.ts'
import { rawExchange } from '../helpers/raw-exchange.ts'
import { upstreamServer } from './upstream-server.ts'

const path = '/Microsoft-Server-ActiveSync?Cmd=Sync&User=alice&DeviceId=A1&DeviceType=iPhone'
const kerberos = Buffer.from('6011 06092a864886f712010202 01006e02 3000'.replaceAll(' ', ''), 'hex').toString(
  'base64',
)

t.test(
  'credentials that sign a connection in as nobody knows whom do not pass, not even on a public path',
  async (t) => {
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
      headers: { authorization: `Basic ${btoa('alice:wonderland')}` },
    })
    t.equal(registered.status, 200)

    for (const separator of [' ', '\t']) {
      const signingIn = `GET /autodiscover/x HTTP/1.1\r\nHost: mail.localhost\r\nAuthorization: Negotiate${separator}${kerberos}\r\n\r\n`
      const asAlice = `POST ${path} HTTP/1.1\r\nHost: mail.localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`
      const answers = await rawExchange(gateway.plain, signingIn + asAlice, { localAddress: internet })
      t.match(answers, /^HTTP\/1\.1 403 /)
    }
    t.notOk(mail.requests.some(({ target }) => target.startsWith('/autodiscover')))
  },
)

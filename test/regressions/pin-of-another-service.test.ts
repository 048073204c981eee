/**
 * The attack: a client connection that shows NTLM is tied to an upstream connection of its own. Tie it to service A by
 * a path of A that is public, then ask on the same connection for service B, where other rules hold: the request was
 * decided by B's rules and went to A's upstream, so that whatever B lets anybody see was A's to see.
 */
import t from 'tap'
import { gatewayUnderTest } from '../helpers/gateway-under-test.ts'
import { ntlmOpening } from '../helpers/ntlm-client.ts'
import { rawExchange } from '../helpers/raw-exchange.ts'
import { upstreamServer } from './upstream-server.ts'

t.test(
  'a connection that is tied to one service’s upstream carries nothing for another service',
  async (t) => {
    const mail = await upstreamServer(t, (_, response) => response.end('mail'))
    const site = await upstreamServer(t, (_, response) => response.end('site'))
    const gateway = await gatewayUnderTest(t, {
      services: `
  - { name: mail, hosts: [mail.localhost], upstream: ["${mail.url}"], client: activesync, public: [/healthcheck.htm] }
  - { name: site, hosts: [site.localhost], upstream: ["${site.url}"], client: browser, signIn: none, public: ["/*"] }`,
    })
    const opening = `GET /healthcheck.htm HTTP/1.1\r\nHost: mail.localhost\r\nAuthorization: NTLM ${ntlmOpening()}\r\n\r\n`
    const crossing = 'GET /owa/secret HTTP/1.1\r\nHost: site.localhost\r\nConnection: close\r\n\r\n'

    const answers = await rawExchange(gateway.plain, opening + crossing)
    t.match(answers, /^HTTP\/1\.1 200 [\s\S]*mail[\s\S]*HTTP\/1\.1 421 /)
    t.same(
      mail.requests.map(({ target }) => target),
      ['/healthcheck.htm'],
    )
  },
)

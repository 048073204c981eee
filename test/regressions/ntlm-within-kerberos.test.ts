/**
 * The attack: `Authorization: Negotiate` with a Kerberos token of bob's that also holds, where no server looks, the
 * bytes of an NTLM message which names alice. The gateway found those bytes and took the request for alice's, while
 * the upstream signed bob in: bob's device was registered as hers, or passed for hers.
 */
import t from 'tap'
import { der, ntlmAuthenticate } from '../clients/helpers/ntlm.ts'
import { wifi } from '../helpers/chat.ts'
import { gatewayUnderTest } from '../helpers/gateway-under-test.ts'
import { ask } from '../helpers/http-client.ts'
import { upstreamServer } from './upstream-server.ts'

const spnego = Buffer.from('2b0601050502', 'hex')
const kerberos = Buffer.from('2a864886f712010202', 'hex')
const ticket = Buffer.concat([Buffer.from('0100', 'hex'), Buffer.alloc(200, 'k')])
const decoy = ntlmAuthenticate('CORP', 'alice')

/** NegTokenInit (RFC 4178 4.2.1) for Kerberos, with the decoy inside the ticket or in the place of mechListMIC. */
function negotiate(token: Buffer, mic?: Buffer): string {
  const mechanisms = der(0xa0, der(0x30, der(0x06, kerberos)))
  const rest = mic === undefined ? [] : [der(0xa3, der(0x04, mic))]
  const init = der(0x30, mechanisms, der(0xa2, der(0x04, token)), ...rest)
  return `Negotiate ${der(0x60, der(0x06, spnego), der(0xa0, init)).toString('base64')}`
}

t.test('an NTLM message that no server would see names nobody', async (t) => {
  const mail = await upstreamServer(t, (_, response) => response.end('the mail of bob'))
  const gateway = await gatewayUnderTest(t, {
    services: `  - { name: mail, hosts: [mail.localhost], upstream: ["${mail.url}"], client: activesync }`,
  })
  const apReq = (content: Buffer) => der(0x60, der(0x06, kerberos), content)
  for (const authorization of [
    negotiate(apReq(Buffer.concat([ticket, decoy]))),
    negotiate(apReq(ticket), decoy),
    `Negotiate ${apReq(Buffer.concat([ticket, decoy])).toString('base64')}`,
    `NTLM ${Buffer.concat([ticket, decoy]).toString('base64')}`,
  ]) {
    const { status } = await ask({
      port: gateway.tls,
      ca: gateway.ca,
      host: 'mail.localhost',
      from: wifi,
      method: 'POST',
      path: '/Microsoft-Server-ActiveSync?Cmd=Sync&User=alice&DeviceId=A1&DeviceType=iPhone',
      headers: { authorization },
    })
    t.equal(status, 403)
  }
  t.same(mail.requests, [])
  t.same(await (await gateway.openStore()).registrations.list({ limit: 5 }), [])
})

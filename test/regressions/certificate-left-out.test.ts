/**
 * The attack: a phone registered by its device certificate was also registered by what it claimed, its DeviceId. With
 * alice's password and that id, which is printed in logs and mails, any device without a certificate passed for the
 * phone, and `binding: certificate` held for it in the policy.
 */
import t from 'tap'
import { certificates } from '../helpers/certificates.ts'
import { internet } from '../helpers/chat.ts'
import { gatewayUnderTest } from '../helpers/gateway-under-test.ts'
import { ask } from '../helpers/http-client.ts'
import { upstreamServer } from './upstream-server.ts'

const policy = `
registration:
  - { name: Device certificate, when: { evidence: certificate }, then: allow }
access:
  - { name: Proved by certificate, when: { binding: certificate }, then: allow }
`

t.test('what was registered by a certificate is let in by it alone', async (t) => {
  const { device } = await certificates(t)
  const mail = await upstreamServer(t, (_, response) => response.end('mail'))
  const gateway = await gatewayUnderTest(t, {
    policy,
    services: `  - { name: mail, hosts: [mail.localhost], upstream: ["${mail.url}"], client: activesync }`,
  })
  const sync = (shown: object) =>
    ask({
      port: gateway.tls,
      ca: gateway.ca,
      host: 'mail.localhost',
      from: internet,
      method: 'POST',
      path: '/Microsoft-Server-ActiveSync?Cmd=Sync&User=alice&DeviceId=A1&DeviceType=iPhone',
      headers: { authorization: `Basic ${btoa('alice:wonderland')}` },
      ...shown,
    })
  const certificate = { cert: device.certificate, key: device.key }
  t.equal((await sync(certificate)).status, 200)
  t.equal((await sync(certificate)).status, 200)
  t.equal((await sync({})).status, 403)
  t.equal(mail.requests.length, 2)
})

/**
 * The attack: without any password, ask for the approval of a thousand invented phones. The queue was full then for
 * everybody, until an administrator had denied each of them.
 */
import t from 'tap'
import { internet } from '../helpers/chat.ts'
import { gatewayUnderTest } from '../helpers/gateway-under-test.ts'
import { ask } from '../helpers/http-client.ts'

const policy = `
registration:
  - { name: Contractors, then: approve }
access:
  - { name: Everything registered, then: allow }
`

t.test('one source cannot take all places of the queue', async (t) => {
  const gateway = await gatewayUnderTest(t, {
    policy,
    services:
      '  - { name: mail, hosts: [mail.localhost], upstream: ["http://127.0.0.1:9"], client: activesync }',
    settings: 'limits: { pendingApprovals: 30, drainFor: 1s }',
  })
  const request = (from: string, device: string) =>
    ask({
      port: gateway.tls,
      ca: gateway.ca,
      host: 'mail.localhost',
      from,
      method: 'POST',
      path: `/Microsoft-Server-ActiveSync?Cmd=Sync&User=alice&DeviceId=${device}&DeviceType=iPhone`,
    })
  for (let i = 0; i < 30; i++) await request('127.66.6.6', `invented${i}`)
  await request(internet, 'real')
  const waiting = await (await gateway.openStore()).approvals.list('waiting', 100)
  t.equal(waiting.filter(({ source }) => source === '127.66.6.6').length, 10)
  t.equal(waiting.filter(({ source }) => source === internet).length, 1)
})

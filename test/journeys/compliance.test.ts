import { once } from 'node:events'
import t, { type Test } from 'tap'
import WebSocket from 'ws'
import type { NamedConnector } from '../../src/compliance/compliance.ts'
import { startComplianceRole } from '../../src/roles/compliance.ts'
import type { ComplianceSettings } from '../../src/settings/build-compliance.ts'
import { Health } from '../../src/telemetry/health.ts'
import { openLogger } from '../../src/telemetry/logger.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { device, ScriptedVendor } from '../compliance/scripted-vendor.ts'
import { chatBehindGateway, internet, signIn, wifi } from '../helpers/chat.ts'
import { eventually } from '../helpers/eventually.ts'
import type { GatewayUnderTest } from '../helpers/gateway-under-test.ts'
import { ask } from '../helpers/http-client.ts'

const policy = `
networks: { certificate-wifi: [127.20.0.0/16] }
registration:
  - { name: Certificate Wi-Fi, when: { network: certificate-wifi }, then: allow }
access:
  - { name: Compliant, when: { posture: compliant, vendorSeenWithin: 1h }, then: allow }
  - { name: Just arrived, when: { posture: unknown, registeredWithin: 1m }, then: allow }
`

const settings: ComplianceSettings = {
  interval: 150,
  askAgain: 100_000,
  brake: { maxNewlyBlocked: 0.1, atLeast: 20 },
  smallestSweep: 0.5,
  grace: 'allow',
  surplus: 'refuse',
  whenGone: 'keep',
  aliases: [['alice', 'a.smith@example.com']],
  vendors: [],
  written: {} as ComplianceSettings['written'], // only shown by `check --effective`
}

/** The compliance role beside the gateway, as a process of its own would run it: they meet in the record. */
async function compliance(
  t: Test,
  gateway: GatewayUnderTest,
  vendor: ScriptedVendor,
  now: () => number = Date.now,
) {
  const connectors: NamedConnector[] = [{ name: 'mdm', connector: vendor }]
  const log = openLogger({ level: 'silent', now: Date.now, onCondition: () => {} })
  const metrics = createMetrics()
  const health = new Health(() => {})
  const role = startComplianceRole({
    settings: { compliance: settings },
    store: await gateway.openStore(),
    logger: log.logger,
    metrics,
    health,
    now,
    holder: 'test',
    connectors,
  })
  t.teardown(async () => {
    await role?.close()
    await log.close()
  })
  return { metrics, health, role }
}

t.test(
  'a phone goes out of compliance: its open chat is cut, and it is let in again when mended',
  async (t) => {
    const { gateway, target } = await chatBehindGateway(t, { policy })
    const now = Date.now()
    const phone = { platform: undefined, user: { email: 'a.smith@example.com' }, lastSeen: now }
    const vendor = new ScriptedVendor([
      device('1', phone),
      device('2', { user: { name: 'bob' }, platform: undefined }),
    ])
    const { metrics, health, role } = await compliance(t, gateway, vendor)
    const cookie = (await signIn(gateway, wifi)).cookies.join('; ')
    const store = await gateway.openStore()
    const posture = async () => (await store.registrations.list({ user: 'alice', limit: 1 }))[0]?.posture
    await eventually(async () => (await posture())?.state === 'compliant')

    const socket = new WebSocket(`wss://127.0.0.1:${gateway.tls}/ws`, {
      ca: gateway.ca,
      localAddress: internet,
      servername: 'chat.localhost',
      headers: { cookie, host: `chat.localhost:${gateway.tls}` },
    } as WebSocket.ClientOptions)
    await once(socket, 'open')
    socket.on('error', () => {})
    const closed = once(socket, 'close')
    vendor.change('1', { compliance: 'noncompliant', reasons: ['The passcode is too short'] })
    await closed
    const refused = await ask({ ...target, from: internet, path: '/api/messages', headers: { cookie } })
    t.equal(refused.status, 403)
    t.match(refused.body, 'device.noncompliant')
    t.match(refused.body, 'The passcode is too short', 'the vendor’s own words')
    t.match(await posture(), { state: 'noncompliant', vendor: 'mdm', reason: 'The passcode is too short' })

    vendor.change('1', { compliance: 'compliant', reasons: [] })
    await eventually(
      async () =>
        (await ask({ ...target, from: internet, path: '/api/messages', headers: { cookie } })).status === 200,
    )

    vendor.devices = []
    await eventually(() => health.report().parts['vendor mdm']?.ok === false)
    const still = await ask({ ...target, from: internet, path: '/api/messages', headers: { cookie } })
    t.equal(still.status, 200, 'an empty answer shuts nobody out')
    vendor.devices = [device('1', phone)]
    const told = await eventually(async () => {
      const events = (await store.audit.list({ subject: 'mdm', limit: 100 })).map(({ action }) => action)
      return events.includes('vendor.recovered') ? events : undefined
    })
    t.strictSame(told, ['vendor.failed', 'vendor.recovered'], 'once each, however many polls there were')
    await role?.measure()
    const text = await metrics.registry.metrics()
    t.match(text, /gatehouse_vendor_polls_total\{vendor="mdm",kind="sweep",outcome="incomplete"\} [1-9]/)
    t.match(text, /gatehouse_vendor_last_sweep_timestamp_seconds\{vendor="mdm"\} 1[0-9]{9}/)
  },
)

t.test('a second client of a user with one device is refused as one too many', async (t) => {
  const { gateway, target } = await chatBehindGateway(t, { policy })
  const vendor = new ScriptedVendor([device('1', { user: { name: 'alice' }, platform: undefined })])
  await compliance(t, gateway, vendor)
  const first = (await signIn(gateway, wifi)).cookies.join('; ')
  const second = (await signIn(gateway, wifi)).cookies.join('; ')
  const asking = (cookie: string) =>
    ask({ ...target, from: internet, path: '/api/messages', headers: { cookie } })
  const refused = await eventually(async () => {
    const answer = await asking(second)
    return answer.status === 403 ? answer : undefined
  })
  t.match(refused.body, 'device.surplus')
  await eventually(async () => (await asking(first)).status === 200)
})

t.test(
  'a vendor that has not answered for a day vouches for nobody, unless the policy says so',
  async (t) => {
    for (const [choice, status] of [
      ['refuse', 403],
      ['keep', 200],
    ] as const) {
      const clock = { ahead: 0 }
      const { gateway, target } = await chatBehindGateway(t, {
        policy: `${policy.replace(', vendorSeenWithin: 1h', '')}limits: { vendorStale: ${choice} }\n`,
        now: () => Date.now() + clock.ahead,
      })
      const vendor = new ScriptedVendor([device('1', { user: { name: 'alice' }, platform: undefined })])
      const { role } = await compliance(t, gateway, vendor)
      const cookie = (await signIn(gateway, wifi)).cookies.join('; ')
      const store = await gateway.openStore()
      await eventually(
        async () => (await store.registrations.list({ limit: 1 }))[0]?.posture.state === 'compliant',
      )
      await role?.close()
      clock.ahead = 25 * 3_600_000
      const answer = await ask({ ...target, from: internet, path: '/api/messages', headers: { cookie } })
      t.equal(answer.status, status, choice)
      if (status === 403) t.match(answer.body, 'device.posture-stale')
    }
  },
)

t.test('who is refused for old news has them fetched, and gets in at the next try', async (t) => {
  const clock = { ahead: 0 }
  const now = () => Date.now() + clock.ahead
  const { gateway, target } = await chatBehindGateway(t, { policy, now })
  const vendor = new ScriptedVendor([device('1', { user: { name: 'alice' }, platform: undefined })], {
    lookup: true,
  })
  const first = await compliance(t, gateway, vendor)
  const cookie = (await signIn(gateway, wifi)).cookies.join('; ')
  const store = await gateway.openStore()
  await eventually(
    async () => (await store.registrations.list({ limit: 1 }))[0]?.posture.state === 'compliant',
  )
  await first.role?.close()
  clock.ahead = 2 * 3_600_000
  const asking = () => ask({ ...target, from: internet, path: '/api/messages', headers: { cookie } })
  t.equal((await asking()).status, 403, 'last seen two hours ago')
  const requested = await eventually(async () => {
    const ids = await store.links.takeRefreshes(10)
    return ids.length > 0 ? ids : undefined
  })
  t.match(requested, [/^r_/])
})

t.test('a user whose phone is in its grace period is shown why and until when', async (t) => {
  const { gateway, target } = await chatBehindGateway(t, { policy })
  const until = Date.now() + 3_600_000
  const grace = { compliance: 'grace', graceUntil: until, reasons: ['Update iOS to 18.2'] } as const
  const vendor = new ScriptedVendor([
    device('1', { user: { name: 'alice' }, platform: undefined, ...grace }),
    device('2', { user: { name: 'bob' }, platform: undefined }),
  ])
  await compliance(t, gateway, vendor)
  const cookie = (await signIn(gateway, wifi)).cookies.join('; ')
  const page = await eventually(async () => {
    const { body } = await ask({ ...target, from: internet, path: '/.gatehouse/device', headers: { cookie } })
    return /may be used until/.test(body) ? body : undefined
  })
  t.match(page, 'Update iOS to 18.2')
  t.match(page, `${new Date(until).getUTCFullYear()}`)
})

t.test(
  'a device that is refused for old news is asked for on the spot, also while no sweep gets through',
  async (t) => {
    const clock = { ahead: 0 }
    const now = () => Date.now() + clock.ahead
    const { gateway, target } = await chatBehindGateway(t, { policy, now })
    const vendor = new ScriptedVendor([device('1', { user: { name: 'alice' }, platform: undefined })], {
      lookup: true,
    })
    await compliance(t, gateway, vendor, now)
    const cookie = (await signIn(gateway, wifi)).cookies.join('; ')
    const store = await gateway.openStore()
    await eventually(
      async () => (await store.registrations.list({ limit: 1 }))[0]?.posture.state === 'compliant',
    )
    vendor.breaksAfter = 0
    clock.ahead = 2 * 3_600_000
    const asking = () => ask({ ...target, from: internet, path: '/api/messages', headers: { cookie } })
    t.equal((await asking()).status, 403, 'last seen two hours ago')
    await eventually(() => vendor.asked.length > 0)
    await eventually(async () => (await asking()).status === 200)
    t.strictSame(vendor.asked, ['1'], 'asked for once')
  },
)

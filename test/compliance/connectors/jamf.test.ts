import t, { type Test } from 'tap'
import {
  type JamfSimulationOptions,
  jamfWebhook,
  simulatedGroup,
  startJamf,
} from '../../../sim/vendors/jamf.ts'
import type { VendorSimulation } from '../../../sim/vendors/vendor-simulation.ts'
import { readJamfWebhook } from '../../../src/compliance/connectors/jamf/webhook.ts'
import {
  type ConnectorSubject,
  connectionOf,
  connectorContract,
  connectorUnderTest,
} from '../contract/connector.ts'

const client: ConnectorSubject = {
  start: startJamf,
  settings: ({ url }: VendorSimulation) => ({
    type: 'jamf',
    url,
    clientId: 'gatehouse-client',
    clientSecret: { env: 'clientSecret' },
    noncompliantGroup: simulatedGroup,
    pageSize: 4,
  }),
  pageSize: 4,
  unheardOf: { general: null },
  longMember: 'deviceType',
  withoutId: { mobileDeviceId: null },
  tokens: true,
  // The group's name is the reason.
  cannot: ['reason', 'pending', 'leaving'],
}

const user: ConnectorSubject = {
  ...client,
  settings: ({ url }: VendorSimulation) => ({
    type: 'jamf',
    url,
    user: 'svc-gatehouse',
    password: { env: 'password' },
    noncompliantGroup: simulatedGroup,
    pageSize: 4,
  }),
}

t.test('with an API client', (t) => connectorContract(t, client))
t.test('with a user, as older versions need it', (t) => connectorContract(t, user))

function started(t: Test, options: Partial<JamfSimulationOptions> = {}, settings: object = {}) {
  const start: ConnectorSubject['start'] = (each) => startJamf({ ...each, ...options })
  return connectorUnderTest(t, { ...client, start }, { devices: 10, settings })
}

async function read(t: Test, raw: object) {
  const { simulation, all } = await started(t)
  simulation.fleet.change('1002', { raw: { ...raw } })
  const device = (await all()).find(({ vendorDeviceId }) => vendorDeviceId === '1002')
  if (device === undefined) throw new Error('the device is in the fleet')
  return device
}

t.test('a device in the group is noncompliant, for the reason that the group has as its name', async (t) => {
  const { simulation, all } = await started(t)
  simulation.fleet.change('1002', { compliance: 'noncompliant' })
  const out = (await all()).filter(({ compliance }) => compliance === 'noncompliant')
  t.match(out, [{ vendorDeviceId: '1002', reasons: ['in the group Out of compliance'] }])
})

t.test('a group that there is not is a mistake in the settings, not a fleet in good order', async (t) => {
  const { failure } = await started(t, {}, { noncompliantGroup: '18' })
  const error = await failure()
  t.equal(error.code, 'settings')
  t.match(error.message, /noncompliantGroup/)
})

t.test('a section that Jamf Pro could not read is null: neither managed nor compliant', async (t) => {
  t.match(await read(t, { general: null }), { management: 'unknown', compliance: 'unknown' })
  t.match(await read(t, { hardware: null, security: null, userAndLocation: null, network: null }), {
    management: 'managed',
    compliance: 'compliant',
    user: {},
  })
})

t.test('a jailbreak is a flag or a word, and an unknown word says nothing', async (t) => {
  t.equal((await read(t, { security: { jailBreakDetected: true } })).compromised, true)
  t.equal((await read(t, { security: { jailbreakStatus: 'Not Jailbroken' } })).compromised, false)
  t.equal((await read(t, { security: { jailbreakStatus: 'JAILBROKEN' } })).compromised, true)
  t.equal((await read(t, { security: { jailbreakStatus: 'perhaps' } })).compromised, undefined)
})

t.test('iPads and Apple TVs are told from phones', async (t) => {
  t.equal(
    (await read(t, { deviceType: 'iOS', hardware: { model: 'iPad Pro', modelIdentifier: 'iPad13,8' } }))
      .platform,
    'ipados',
  )
  t.equal((await read(t, { deviceType: 'tvOS', hardware: { model: 'Apple TV' } })).platform, 'other')
})

for (const filters of ['refused', 'ignored'] as const) {
  t.test(`where filters are ${filters}, the devices are sorted out here`, async (t) => {
    const { simulation, connector, all, signal, clock } = await started(t, { filters })
    simulation.fleet.change('1002', { compliance: 'noncompliant', lastSeen: clock.now + 1000 })
    t.strictSame(
      (await all(connector.noncompliant?.(signal))).map(({ vendorDeviceId }) => vendorDeviceId),
      ['1002'],
    )
    t.strictSame(
      (await all(connector.changes?.(clock.now, signal))).map(({ vendorDeviceId }) => vendorDeviceId),
      ['1002'],
    )
  })
}

t.test(
  'a server that ignores the filter does not pass another device off as the one asked for',
  async (t) => {
    const { connector, failure, signal } = await started(t, { filters: 'ignored' })
    const { code } = await failure(async () => connector.lookup?.('9999', signal))
    t.equal(code, 'protocol')
  },
)

t.test('further query parameters go with the list', async (t) => {
  const { simulation, all } = await started(t, {}, { query: { 'error-handling': 'LENIENT' } })
  await all()
  t.ok(simulation.requests.some(({ target }) => target.includes('error-handling=LENIENT')))
})

t.test('a webhook names the devices that are to be looked up', async (t) => {
  const news = (webhookEvent: string, event: object) =>
    readJamfWebhook({ headers: new Map(), body: jamfWebhook(webhookEvent, event) })
  t.strictSame(news('MobileDeviceUnEnrolled', { jssID: 12, udid: 'x' }), { vendorDeviceIds: ['12'] })
  t.strictSame(news('MobileDeviceCheckIn', {}), { vendorDeviceIds: [] })
  const change = {
    name: 'Out of compliance',
    groupAddedDevicesIds: [1, 2],
    groupRemovedDevicesIds: [3, 'x y'],
  }
  t.strictSame(news('SmartGroupMobileDeviceMembershipChange', change), { vendorDeviceIds: ['1', '2', '3'] })
  t.equal(news('ComputerAdded', { jssID: 12 }), undefined)
})

t.test('what is no webhook of Jamf Pro is none', async (t) => {
  for (const body of ['', '[]', '<webhook/>', '{"webhook":1}', '{"a":1,"a":2}']) {
    t.equal(readJamfWebhook({ headers: new Map(), body: Buffer.from(body) }), undefined, body)
  }
})

t.test('the settings need one way to sign in, and all of it', async (t) => {
  const base = { name: 'jamf', type: 'jamf', url: 'https://example.jamfcloud.com', noncompliantGroup: '17' }
  t.throws(() => connectionOf(base, {}), /needs `clientId` and `clientSecret`, or `user` and `password`/)
  const both = { clientId: 'a', clientSecret: { env: 'x' }, user: 'b', password: { env: 'x' } }
  t.throws(() => connectionOf({ ...base, ...both }, { x: '1' }), /exclude each other/)
})

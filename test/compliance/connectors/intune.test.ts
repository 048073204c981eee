import t from 'tap'
import { type IntuneSimulationOptions, startIntune } from '../../../sim/vendors/intune.ts'
import type { VendorSimulation } from '../../../sim/vendors/vendor-simulation.ts'
import type { ManagedDevice } from '../../../src/domain/managed-device.ts'
import {
  type ConnectorSubject,
  connectorContract,
  connectorUnderTest,
  contractNow,
} from '../contract/connector.ts'

const subject: ConnectorSubject = {
  start: startIntune,
  settings: ({ url }: VendorSimulation) => ({
    type: 'intune',
    url,
    loginUrl: url,
    tenant: 'example.onmicrosoft.com',
    clientId: 'gatehouse-client',
    clientSecret: { env: 'clientSecret' },
    pageSize: 4,
  }),
  pageSize: 4,
  unheardOf: { complianceState: 'quiteFine' },
  longMember: 'model',
  withoutId: { id: null },
  tokens: true,
  nextLinks: true,
  cannot: ['total', 'reason', 'wiped'],
}

await connectorContract(t, subject)

function started(
  t: Parameters<typeof connectorUnderTest>[0],
  options: Partial<IntuneSimulationOptions> = {},
) {
  return connectorUnderTest(
    t,
    { ...subject, start: (each) => startIntune({ ...each, ...options }) },
    { devices: 3 },
  )
}

async function read(t: Parameters<typeof connectorUnderTest>[0], raw: object, settings: object = {}) {
  const { simulation, all } = await connectorUnderTest(t, subject, { devices: 3, settings })
  simulation.fleet.change('1002', { raw: { ...raw } })
  const device = (await all()).find(({ user }) => user.email === 'user2@example.com')
  if (device === undefined) throw new Error('the device is in the fleet')
  return device
}

t.test('each of Intune’s states of compliance has its meaning', async (t) => {
  const expected: Record<string, ManagedDevice['compliance']> = {
    compliant: 'compliant',
    noncompliant: 'noncompliant',
    conflict: 'noncompliant',
    error: 'noncompliant',
    inGracePeriod: 'grace',
    unknown: 'unknown',
    configManager: 'unknown',
  }
  for (const [complianceState, compliance] of Object.entries(expected)) {
    t.equal((await read(t, { complianceState })).compliance, compliance, complianceState)
  }
})

t.test('what conflict and error mean can be set', async (t) => {
  const settings = { conflict: 'unknown', error: 'unknown' }
  t.equal((await read(t, { complianceState: 'conflict' }, settings)).compliance, 'unknown')
  t.equal((await read(t, { complianceState: 'error' }, settings)).compliance, 'unknown')
})

t.test('a period of grace has its end; the year 9999 is none', async (t) => {
  const until = '2026-11-25T12:00:00Z'
  const inGrace = { complianceState: 'inGracePeriod', complianceGracePeriodExpirationDateTime: until }
  t.equal((await read(t, inGrace)).graceUntil, Date.parse(until))
  const endless = {
    complianceState: 'inGracePeriod',
    complianceGracePeriodExpirationDateTime: '9999-12-31T23:59:59Z',
  }
  t.equal((await read(t, endless)).graceUntil, undefined)
})

t.test('a device that Intune only sees through mail settings or a sensor is not managed', async (t) => {
  t.equal((await read(t, { managementAgent: 'eas' })).management, 'unmanaged')
  t.equal((await read(t, { managementAgent: 'msSense' })).management, 'unmanaged')
  t.equal((await read(t, { managementAgent: 'somethingNew' })).management, 'unknown')
})

t.test(
  'a device whose removal was asked for is leaving, and one enrolled anew after it is not',
  async (t) => {
    const action = { actionName: 'retire', actionState: 'pending', startDateTime: '2026-11-20T08:00:00Z' }
    const removed = await read(t, { deviceActionResults: [action] })
    t.equal(removed.management, 'leaving')
    t.match(removed.reasons, ['retire: pending'])
    const anew = { deviceActionResults: [action], enrolledDateTime: '2026-11-21T08:00:00Z' }
    t.equal((await read(t, anew)).management, 'managed')
    const failed = { deviceActionResults: [{ ...action, actionState: 'failed' }] }
    t.equal((await read(t, failed)).management, 'managed')
  },
)

t.test('states of the registration: revoked is leaving, a conflict of keys is unknown', async (t) => {
  t.equal((await read(t, { deviceRegistrationState: 'revoked' })).management, 'leaving')
  t.equal((await read(t, { deviceRegistrationState: 'approvalPending' })).management, 'pending')
  t.equal((await read(t, { deviceRegistrationState: 'keyConflict' })).management, 'unknown')
})

t.test('an Entra id of zeros is none', async (t) => {
  const device = await read(t, { azureADDeviceId: '00000000-0000-0000-0000-000000000000' })
  t.equal(device.ids.entraDeviceId, undefined)
})

t.test('jailBroken is a text, and Unknown says nothing', async (t) => {
  t.equal((await read(t, { jailBroken: 'True' })).compromised, true)
  t.equal((await read(t, { jailBroken: 'Unknown' })).compromised, undefined)
})

t.test('where Graph refuses a filter, everything is read and sorted out', async (t) => {
  const { simulation, connector, all, signal, clock } = await started(t, { refuseFilters: true })
  simulation.fleet.change('1002', { compliance: 'noncompliant', lastSeen: clock.now + 1000 })
  const emails = async (pages: ReturnType<typeof connector.sweep> | undefined) =>
    (await all(pages)).map(({ user }) => user.email)
  t.strictSame(await emails(connector.noncompliant?.(signal)), ['user2@example.com'])
  t.strictSame(await emails(connector.changes?.(clock.now, signal)), ['user2@example.com'])
})

t.test('a looked-up device has its UDID, where the tenant’s schema has it', async (t) => {
  for (const withoutUdid of [false, true]) {
    const { connector, all, signal } = await started(t, { withoutUdid })
    const [listed] = await all()
    const found = await connector.lookup?.(listed?.vendorDeviceId ?? '', signal)
    t.match(found, { vendorDeviceId: listed?.vendorDeviceId })
    t.equal(typeof (found as ManagedDevice).ids.udid, withoutUdid ? 'undefined' : 'string')
  }
})

t.test('pages that lead round in circles end the sweep', async (t) => {
  const { simulation, failure } = await connectorUnderTest(
    t,
    {
      ...subject,
      async start(options) {
        const started = await startIntune(options)
        // Every page names itself as the next one.
        started.server.prependListener('request', (request) => {
          request.url = request.url?.replace(/&%24skiptoken=\d+/, '') ?? ''
        })
        return started
      },
    },
    { devices: 10 },
  )
  t.equal((await failure()).code, 'protocol')
  t.ok(simulation.calls <= 3)
})

t.test('a next page without an address is a broken page, not the end of the list', async (t) => {
  const { simulation, failure } = await connectorUnderTest(t, subject, { devices: 10 })
  simulation.faults = { nextLink: `${simulation.url.replace('127.0.0.1', 'x'.repeat(20_000))}` }
  t.equal((await failure()).code, 'protocol')
})

t.test('the refused client’s error tells Microsoft’s code, and no secret', async (t) => {
  const { failure } = await connectorUnderTest(t, subject, {
    devices: 3,
    env: { clientSecret: 'expired-secret-1' },
  })
  const { message } = await failure()
  t.match(message, /invalid_client 7000215/)
  t.notMatch(message, 'expired-secret-1')
})

t.test('the last contact is Graph’s lastSyncDateTime', async (t) => {
  t.equal((await read(t, {})).lastSeen, contractNow - 60_000)
})

import t, { type Test } from 'tap'
import {
  type FleetDmSimulationOptions,
  simulatedPolicies,
  startFleetDm,
} from '../../../sim/vendors/fleetdm.ts'
import type { VendorSimulation } from '../../../sim/vendors/vendor-simulation.ts'
import { readFleetWebhook } from '../../../src/compliance/connectors/fleet/webhook.ts'
import {
  type ConnectorSubject,
  connectionOf,
  connectorContract,
  connectorUnderTest,
} from '../contract/connector.ts'

const byPolicies: ConnectorSubject = {
  start: startFleetDm,
  settings: ({ url }: VendorSimulation) => ({
    type: 'fleet',
    url,
    token: { env: 'apiKey' },
    policies: [...simulatedPolicies],
    pageSize: 4,
  }),
  pageSize: 4,
  unheardOf: { policies: [{ id: 3, name: 'Policy 3', response: 'perhaps' }] },
  longMember: 'hardware_model',
  withoutId: { id: null },
  tokens: false,
  // The policy's number is the reason; Fleet knows of no jailbreak, and a wiped phone's MDM is off.
  cannot: ['reason', 'leaving', 'compromised'],
}

const byCount: ConnectorSubject = {
  ...byPolicies,
  settings: (simulation: VendorSimulation) => ({ ...byPolicies.settings(simulation), policies: 'all' }),
  unheardOf: { issues: { failing_policies_count: 'some' } },
}

t.test('with chosen policies', (t) => connectorContract(t, byPolicies))
t.test('with all policies, by the count of those that fail', (t) => connectorContract(t, byCount))

function started(t: Test, subject: ConnectorSubject, options: Partial<FleetDmSimulationOptions> = {}) {
  const start: ConnectorSubject['start'] = (each) => startFleetDm({ ...each, ...options })
  return connectorUnderTest(t, { ...subject, start }, { devices: 10 })
}

async function read(t: Test, raw: object, subject = byPolicies) {
  const { simulation, all } = await started(t, subject)
  simulation.fleet.change('1002', { raw: { ...raw } })
  const device = (await all()).find(({ vendorDeviceId }) => vendorDeviceId === '1002')
  if (device === undefined) throw new Error('the device is in the fleet')
  return device
}

const answers = (third: string, seventh: string) => ({
  policies: [
    { id: 3, response: third },
    { id: 7, response: seventh },
  ],
})

t.test('a device must pass every chosen policy: one that is not answered leaves it unknown', async (t) => {
  t.match(await read(t, answers('pass', 'pass')), { compliance: 'compliant', reasons: [] })
  t.match(await read(t, answers('pass', '')), { compliance: 'unknown' })
  t.match(await read(t, answers('pass', 'fail')), {
    compliance: 'noncompliant',
    reasons: ['fails Fleet’s policy 7'],
  })
  t.match(await read(t, answers('', 'fail')), { compliance: 'noncompliant' })
})

t.test('a host that comes twice in one policy’s pages has not passed two policies', async (t) => {
  const { simulation, all } = await started(t, byPolicies)
  simulation.fleet.change('1001', { raw: answers('pass', '') })
  simulation.faults = { duplicate: true }
  t.equal((await all()).find(({ vendorDeviceId }) => vendorDeviceId === '1001')?.compliance, 'unknown')
})

t.test('with all policies, the count of failures is the verdict, and no count is none', async (t) => {
  t.match(await read(t, { issues: { failing_policies_count: 2 } }, byCount), {
    compliance: 'noncompliant',
    reasons: ['fails 2 of Fleet’s policies'],
  })
  t.equal((await read(t, { issues: null }, byCount)).compliance, 'unknown')
})

t.test('who is managed: on is, off is not, and neither is a device of another MDM', async (t) => {
  const mdm = async (value: unknown) => (await read(t, { mdm: value })).management
  t.equal(await mdm({ enrollment_status: 'On (manual)', connected_to_fleet: true }), 'managed')
  t.equal(await mdm({ enrollment_status: 'Off' }), 'unmanaged')
  t.equal(await mdm({ enrollment_status: null }), 'unknown')
  t.equal(await mdm(null), 'unknown')
  t.equal(
    await mdm({ enrollment_status: 'On (automatic)', connected_to_fleet: false, name: 'Jamf' }),
    'unmanaged',
  )
  t.equal(await mdm({ enrollment_status: 'Once upon a time' }), 'unknown')
})

t.test('a seen_time of the year 2000 means never: the MDM’s check-in counts', async (t) => {
  const at = '2026-11-21T12:00:00Z'
  const device = await read(t, { seen_time: '2000-01-01T00:00:00Z', last_mdm_checked_in_at: at })
  t.equal(device.lastSeen, Date.parse(at))
})

t.test('older versions without `meta` and count are read to their last page', async (t) => {
  const { all } = await started(t, byPolicies, { old: true })
  t.equal((await all()).length, 10)
})

t.test('without chosen policies there is no list of the devices out of compliance', async (t) => {
  t.equal((await started(t, byCount)).connector.noncompliant, undefined)
  t.not((await started(t, byPolicies)).connector.noncompliant, undefined)
})

t.test('webhooks name the hosts that are to be looked up', async (t) => {
  const news = (body: unknown) =>
    readFleetWebhook({ headers: new Map(), body: Buffer.from(JSON.stringify(body)) })
  const failing = {
    timestamp: '2026-11-22T12:00:00Z',
    policy: { id: 3 },
    hosts: [{ id: 12, url: 'x' }, { id: 'y' }],
  }
  t.strictSame(news(failing), { vendorDeviceIds: ['12'] })
  t.strictSame(news({ text: 'unseen', data: { unseen_hosts: 2, host_ids: [4, 5, 5] } }), {
    vendorDeviceIds: ['4', '5'],
  })
  t.equal(news({ text: 'hello' }), undefined)
  t.equal(readFleetWebhook({ headers: new Map(), body: Buffer.from('<html>') }), undefined)
})

t.test('the settings have to say which policies count', async (t) => {
  const base = { name: 'fleet', type: 'fleet', url: 'https://fleet.example.com', token: { env: 'x' } }
  t.throws(() => connectionOf(base, { x: '1' }), /policies/)
  t.throws(() => connectionOf({ ...base, policies: [] }, { x: '1' }))
  t.doesNotThrow(() => connectionOf({ ...base, policies: 'all' }, { x: '1' }))
})

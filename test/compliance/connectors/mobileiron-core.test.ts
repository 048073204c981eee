import t, { type Test } from 'tap'
import { startMobileironCore } from '../../../sim/vendors/mobileiron-core.ts'
import { type ConnectorSubject, connectorContract, connectorUnderTest } from '../contract/connector.ts'

const subject: ConnectorSubject = {
  start: startMobileironCore,
  settings: ({ url }) => ({
    type: 'mobileiron-core',
    url,
    user: 'svc-gatehouse',
    password: { env: 'password' },
    pageSize: 4,
  }),
  pageSize: 4,
  unheardOf: { 'common.compliant': 'PERHAPS' },
  longMember: 'common.model_name',
  withoutId: { 'common.uuid': null, 'common.id': '' },
  tokens: false,
}

await connectorContract(t, subject)

const start = (t: Test, devices: number, settings: object = {}) =>
  connectorUnderTest(t, subject, { devices, settings })

t.test('the offset counts records, and what came counts when the server caps the page', async (t) => {
  const { simulation, all } = await start(t, 450, { pageSize: 1000 })
  t.equal((await all()).length, 450)
  t.equal(simulation.calls, 3)
})

t.test('quarantined or blocked is out of compliance, even when `compliant` is true', async (t) => {
  const { simulation, all } = await start(t, 2)
  simulation.fleet.change('1001', {
    raw: { 'common.quarantined': true, 'common.quarantined_reasons': ['MANUAL'] },
  })
  simulation.fleet.change('1002', {
    raw: { 'common.blocked': true, 'common.blocked_reasons': ['AUTO_BLOCK'] },
  })
  const devices = await all()
  t.strictSame(
    devices.map(({ compliance }) => compliance),
    ['noncompliant', 'noncompliant'],
  )
  t.strictSame(
    devices.map(({ reasons }) => reasons),
    [['MANUAL'], ['AUTO_BLOCK']],
  )
})

t.test('a lost, infected or blocked device is out of compliance with that as its reason', async (t) => {
  const { simulation, all } = await start(t, 3)
  simulation.fleet.change('1001', { raw: { 'common.status': 'LOST' } })
  simulation.fleet.change('1002', { raw: { 'common.status': 'INFECTED' } })
  simulation.fleet.change('1003', { raw: { 'common.status': 98 } })
  const devices = await all()
  for (const { compliance } of devices) t.equal(compliance, 'noncompliant')
  t.strictSame(
    devices.flatMap(({ reasons }) => reasons),
    ['LOST', 'INFECTED', 'BLOCKED'],
  )
})

t.test('each status means what the vendor says, as a word and as a number', async (t) => {
  const meanings = [
    ['ACTIVE', 'managed'],
    [97, 'managed'],
    ['IENROLL_INPROGRESS', 'pending'],
    ['VERIFIED', 'pending'],
    [112, 'pending'],
    ['RETIRE_PENDING', 'leaving'],
    [117, 'leaving'],
    ['RETIRED', 'gone'],
    ['WIPED', 'gone'],
    [119, 'gone'],
    ['EXPIRED', 'unmanaged'],
    ['SOMETHING_NEW', 'unknown'],
  ] as const
  const { simulation, all } = await start(t, meanings.length)
  for (const [index, [status]] of meanings.entries()) {
    simulation.fleet.change(String(1001 + index), { raw: { 'common.status': status } })
  }
  t.strictSame(
    (await all()).map(({ management }) => management),
    meanings.map(([, management]) => management),
  )
})

t.test('a release that spells the serial number otherwise is read by its own field', async (t) => {
  const { simulation, all } = await start(t, 1, { serialField: 'common.Serialnumber' })
  simulation.fleet.change('1001', {
    raw: { 'common.Serialnumber': 'F17XK2LMN0Q1' },
  })
  t.equal((await all())[0]?.ids.serial, 'F17XK2LMN0Q1')
})

t.test('a security state that is not Ok is out of compliance', async (t) => {
  const { simulation, all } = await start(t, 1)
  simulation.fleet.change('1001', { raw: { 'common.security_state': 'Unsupported' } })
  t.match((await all())[0], { compliance: 'noncompliant', reasons: ['Unsupported'] })
})

t.test('ids that a privacy option hides are no ids, and the reason says so', async (t) => {
  const { simulation, all } = await start(t, 1)
  simulation.fleet.change('1001', { raw: { 'common.SerialNumber': '*****', 'user.user_id': '****' } })
  const [device] = await all()
  t.equal(device?.ids.serial, undefined)
  t.match(device?.reasons, [/hides/])
})

t.test('a hosted Core’s instance stays in the path', async (t) => {
  const hosted = await connectorUnderTest(t, {
    ...subject,
    settings: (own) => ({ ...subject.settings(own), url: `${own.url}/m/instance` }),
  })
  t.equal((await hosted.failure()).code, 'settings')
  t.match(hosted.simulation.requests[0]?.target, /^\/m\/instance\/api\/v2\/devices\?/)
})

t.test('a device without a UUID is known and looked up by its number, and not taken for gone', async (t) => {
  const { simulation, connector, signal, all } = await start(t, 1)
  simulation.fleet.change('1001', { raw: { 'common.uuid': null } })
  t.equal((await all())[0]?.vendorDeviceId, '1001')
  t.match(await connector.lookup?.('1001', signal), { vendorDeviceId: '1001' })
})

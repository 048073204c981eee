import t from 'tap'
import { startMobileironCloud } from '../../../sim/vendors/mobileiron-cloud.ts'
import { type ConnectorSubject, connectorContract, connectorUnderTest } from '../contract/connector.ts'

const subject: ConnectorSubject = {
  start: startMobileironCloud,
  settings: ({ url }) => ({
    type: 'mobileiron-cloud',
    url,
    user: 'svc-gatehouse',
    password: { env: 'password' },
    pageSize: 4,
  }),
  pageSize: 4,
  unheardOf: { complianceState: 'PERHAPS' },
  longMember: 'prettyModel',
  withoutId: { id: null },
  tokens: false,
}

await connectorContract(t, subject)

t.test('the devices of all device spaces are read, not only those of the default one', async (t) => {
  const { simulation, all } = await connectorUnderTest(t, subject, { devices: 10 })
  for (const id of ['1003', '1007', '1010']) simulation.fleet.change(id, { raw: { dmPartitionId: 222222 } })
  t.equal((await all()).length, 10)
})

t.test('a space that lists too few devices makes the sweep incomplete', async (t) => {
  const { simulation, failure } = await connectorUnderTest(t, subject, { devices: 10 })
  simulation.fleet.change('1003', { raw: { dmPartitionId: 222222 } })
  simulation.faults = { total: 3 }
  t.equal((await failure()).code, 'incomplete')
})

t.test('the text "null" is no ActiveSync id', async (t) => {
  const { all } = await connectorUnderTest(t, subject, { devices: 1 })
  t.strictSame((await all())[0]?.ids.easDeviceId, ['k6ckuljtid3sdeai000001tto'])
})

t.test('quarantined or blocked is out of compliance, whatever the state says', async (t) => {
  const { simulation, all } = await connectorUnderTest(t, subject, { devices: 2 })
  simulation.fleet.change('1001', { raw: { quarantined: true } })
  simulation.fleet.change('1002', { raw: { blocked: true } })
  t.strictSame(
    (await all()).map(({ compliance }) => compliance),
    ['noncompliant', 'noncompliant'],
  )
})

t.test('an app-only registration is not managed', async (t) => {
  const { simulation, all } = await connectorUnderTest(t, subject, { devices: 2 })
  simulation.fleet.change('1001', { raw: { mamOnly: true } })
  simulation.fleet.change('1002', { raw: { authOnly: 'true' } })
  t.strictSame(
    (await all()).map(({ management }) => management),
    ['unmanaged', 'unmanaged'],
  )
})

t.test('ids that a privacy profile hides are no ids, and the reason says so', async (t) => {
  const { simulation, all } = await connectorUnderTest(t, subject, { devices: 1 })
  const hidden = { serialNumber: '********', imei: '***', uid: '****', emailAddress: 'u***@example.com' }
  simulation.fleet.change('1001', { raw: hidden })
  const [device] = await all()
  t.equal(device?.ids.serial, undefined)
  t.equal(device?.ids.imei, undefined)
  t.strictSame(device?.user, {})
  t.match(device?.reasons, [/hides/])
})

t.test('times are read as milliseconds and as text', async (t) => {
  const { simulation, all } = await connectorUnderTest(t, subject, { devices: 2 })
  simulation.fleet.change('1001', { raw: { lastCheckin: 1795287875000 } })
  simulation.fleet.change('1002', { raw: { lastCheckin: '2026-11-21T19:04:35.000Z' } })
  t.strictSame(
    (await all()).map(({ lastSeen }) => lastSeen),
    [1795287875000, Date.parse('2026-11-21T19:04:35Z')],
  )
})

t.test('a list that is capped silently is read to its end', async (t) => {
  const { simulation, all } = await connectorUnderTest(t, subject, {
    devices: 1200,
    settings: { pageSize: 500 },
  })
  t.equal((await all()).length, 1200)
  t.ok(simulation.calls >= 3)
})

t.test('errors inside of a success are no empty fleet', async (t) => {
  const { failure, simulation } = await connectorUnderTest(t, subject, { devices: 3 })
  simulation.faults = { page: { number: 1, as: 'no-list' } }
  t.equal((await failure()).code, 'protocol')
})

import t, { type Test } from 'tap'
import { billingId, startMaas360 } from '../../../sim/vendors/maas360.ts'
import {
  type ConnectorSubject,
  connectionOf,
  connectorContract,
  connectorUnderTest,
} from '../contract/connector.ts'

const subject: ConnectorSubject = {
  start: startMaas360,
  settings: ({ url }) => ({
    type: 'maas360',
    url,
    billingId,
    appId: 'com.30012345.gatehouse',
    accessKey: { env: 'apiKey' },
    user: 'svc-gatehouse',
    password: { env: 'password' },
    pageSize: 25,
  }),
  pageSize: 25,
  unheardOf: { ruleComplianceState: 'Perhaps' },
  longMember: 'model',
  withoutId: { maas360DeviceID: '' },
  tokens: true,
  cannot: ['reason', 'pending'],
}

await connectorContract(t, subject)

const start = (t: Test, devices: number, settings: object = {}) =>
  connectorUnderTest(t, subject, { devices, settings })

t.test('a single hit comes as an object and is one device', async (t) => {
  const { all } = await start(t, 26)
  t.equal((await all()).length, 26)
})

t.test('an error inside of a 200 is a failure, not an empty fleet', async (t) => {
  const { failure, all, simulation } = await start(t, 3)
  await all()
  simulation.faults = { within: { errorCode: 1009, errorDesc: 'Invalid value' } }
  t.match(await failure(), { code: 'protocol', message: /1009/ })
  simulation.faults = { within: { errorCode: 1017, errorDesc: 'API usage limit exceeded' } }
  t.equal((await failure()).code, 'throttled')
})

t.test('a token that is refused inside of a 200 is renewed once', async (t) => {
  const { failure, all, simulation } = await start(t, 3)
  await all()
  simulation.faults = { within: { errorCode: 1007, errorDesc: 'Invalid auth token' } }
  t.equal((await failure()).code, 'credentials')
  t.equal(simulation.issued.size, 2)
})

t.test('no list and no word that there is none is no empty fleet', async (t) => {
  const { failure, simulation } = await start(t, 3)
  simulation.faults = { page: { number: 1, as: 'no-list' } }
  t.equal((await failure()).code, 'protocol')
})

t.test('each of the four states alone puts a device out of compliance, whatever its wording', async (t) => {
  const texts = ['Out of Compliance', 'out-of-compliance', 'OOC', 'Non-Compliant']
  const states = ['policyComplianceState', 'ruleComplianceState', 'appComplianceState', 'passcodeCompliance']
  const { simulation, all } = await start(t, 4)
  for (const [index, state] of states.entries()) {
    simulation.fleet.change(String(1001 + index), { raw: { [state]: texts[index] } })
  }
  for (const device of await all()) {
    t.equal(device.compliance, 'noncompliant')
    t.equal(device.reasons.length, 1)
  }
})

t.test(
  'a wording that nobody knows is out of compliance when the vendor’s filter lists the device',
  async (t) => {
    const { simulation, all } = await start(t, 2)
    simulation.fleet.change('1001', {
      compliance: 'noncompliant',
      raw: { ruleComplianceState: 'Hors conformité' },
    })
    simulation.fleet.change('1002', { raw: { ruleComplianceState: 'Conforme' } })
    const [first, second] = await all()
    t.match(first, { compliance: 'noncompliant', reasons: ['Rules out of compliance'] })
    t.equal(second?.compliance, 'unknown')
  },
)

t.test('states that do not apply neither help nor harm; none that applies is unknown', async (t) => {
  const none = {
    policyComplianceState: 'Not Applicable',
    ruleComplianceState: 'Not Available',
    appComplianceState: '',
    passcodeCompliance: null,
  }
  const { simulation, all } = await start(t, 2)
  simulation.fleet.change('1001', { raw: none })
  simulation.fleet.change('1002', { raw: { ...none, ruleComplianceState: 'In Compliance' } })
  t.strictSame(
    (await all()).map(({ compliance }) => compliance),
    ['unknown', 'compliant'],
  )
})

t.test(
  'both spellings of a control that is being removed mean leaving; a selective wipe as well',
  async (t) => {
    const { simulation, all } = await start(t, 4)
    simulation.fleet.change('1001', { raw: { maas360ManagedStatus: 'Pending Control Removed' } })
    simulation.fleet.change('1002', { raw: { maas360ManagedStatus: 'Pending Control Removal' } })
    simulation.fleet.change('1003', { raw: { selectiveWipeStatus: 'Pending' } })
    simulation.fleet.change('1004', { raw: { maas360ManagedStatus: 'User Removed Control' } })
    t.strictSame(
      (await all()).map(({ management }) => management),
      ['leaving', 'leaving', 'leaving', 'gone'],
    )
  },
)

t.test('numbers that arrive as texts and versions that arrive as numbers are read', async (t) => {
  const { simulation, all } = await start(t, 2)
  simulation.fleet.change('1002', { raw: { osVersion: 17.5, lastReportedInEpochms: '1795287875000' } })
  t.match((await all())[1], { osVersion: '17.5', lastSeen: 1795287875000 })
})

t.test('the old web services have their own paths', async (t) => {
  const { simulation, all } = await start(t, 3, { api: '1.0' })
  t.equal((await all()).length, 3)
  t.match(simulation.requests[0]?.target, /^\/auth-apis\/auth\/1\.0\/authenticate\/30012345$/)
})

t.test('the first digit of the billing id says where the account lives', async (t) => {
  const { url: _, ...written } = { ...subject.settings({ url: '' } as never), name: 'maas360' } as Record<
    string,
    unknown
  >
  const secrets = { apiKey: 'k', password: 'p' }
  const hostOf = (billingId: string) => connectionOf({ ...written, billingId }, secrets).settings.url.host
  t.equal(hostOf('10012345'), 'services.fiberlink.com')
  t.equal(hostOf('20012345'), 'services.m2.maas360.com')
  t.equal(hostOf('60012345'), 'services.m6.maas360.com')
  t.throws(() => hostOf('90012345'), /set `url`/)
})

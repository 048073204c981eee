import t, { type Test } from 'tap'
import { simulatedTenant, startBlackBerry } from '../../../sim/vendors/blackberry.ts'
import type { VendorSimulation } from '../../../sim/vendors/vendor-simulation.ts'
import {
  type ConnectorSubject,
  connectionOf,
  connectorContract,
  connectorUnderTest,
} from '../contract/connector.ts'

const cloud: ConnectorSubject = {
  start: startBlackBerry,
  settings: ({ url }: VendorSimulation) => ({
    type: 'blackberry',
    url: `${url}/${simulatedTenant}`,
    clientId: 'gatehouse-client',
    clientSecret: { env: 'clientSecret' },
    tokenUrl: `${url}/op/tenant/${simulatedTenant}/token`,
    pageSize: 4,
  }),
  pageSize: 4,
  unheardOf: { outOfComplianceInfo: 'perhaps' },
  longMember: 'hardwareModel',
  withoutId: { guid: null },
  tokens: true,
  // Deactivated devices vanish.
  cannot: ['pending', 'leaving', 'wiped'],
}

const onPremises: ConnectorSubject = {
  ...cloud,
  settings: ({ url }: VendorSimulation) => ({
    type: 'blackberry',
    url: `${url}/${simulatedTenant}`,
    user: 'svc-gatehouse',
    password: { env: 'password' },
    pageSize: 4,
  }),
}

t.test('UEM Cloud, by OAuth2', (t) => connectorContract(t, cloud))
t.test('UEM on premises, by an authorisation string', (t) => connectorContract(t, onPremises))

async function read(t: Test, raw: object, settings: object = {}) {
  const { simulation, all } = await connectorUnderTest(t, cloud, { devices: 3, settings })
  simulation.fleet.change('1002', { raw: { ...raw } })
  const device = (await all()).find(({ user }) => user.email === 'user2@example.com')
  if (device === undefined) throw new Error('the device is in the fleet')
  return device
}

t.test('UEM leaves out what is null: a shortened view of a device does not look compliant', async (t) => {
  t.equal((await read(t, { lastContactTime: null })).compliance, 'unknown')
  t.equal(
    (await read(t, { lastContactTime: null, outOfComplianceInfo: [{ reason: 'x' }] })).compliance,
    'noncompliant',
  )
})

t.test('a violation that cannot be read is a violation', async (t) => {
  t.equal((await read(t, { outOfComplianceInfo: [42] })).compliance, 'noncompliant')
  t.equal((await read(t, { outOfComplianceInfo: [] })).compliance, 'compliant')
})

t.test('jailbroken as a reason is compromised, too', async (t) => {
  const info = [{ reason: 'jailbroken', displayName: 'Jailbroken OS' }]
  const device = await read(t, { outOfComplianceInfo: info, compromised: false })
  t.match(device, { compromised: true, compliance: 'noncompliant', reasons: ['Jailbroken OS'] })
})

t.test('activation types that manage nothing are unmanaged, which ones can be set', async (t) => {
  const strong = { enrollmentType: ['STRONG_AUTHENTICATION_BY_BLACKBERRY'] }
  t.equal((await read(t, strong)).management, 'unmanaged')
  t.equal((await read(t, strong, { unmanagedTypes: ['EXTERNAL_SERVICE'] })).management, 'managed')
  t.equal((await read(t, { enrollmentType: ['MDM_CONTROLS', 'EXTERNAL_SERVICE'] })).management, 'managed')
  t.equal((await read(t, { enrollmentType: null })).management, 'unknown')
})

t.test('an enrolment state that sounds like an end is one', async (t) => {
  t.equal((await read(t, { enrollmentState: 'WIPE_ISSUED' })).management, 'leaving')
  t.equal((await read(t, { enrollmentState: 'ACTIVATION_PENDING' })).management, 'pending')
})

t.test('only users with a device are asked for their devices', async (t) => {
  const { simulation, all } = await connectorUnderTest(t, cloud, { devices: 8 })
  for (const id of ['1001', '1002', '1003'])
    simulation.fleet.change(id, { user: 'shared', email: 'shared@example.com' })
  const devices = await all()
  t.equal(devices.filter(({ user }) => user.name === 'shared').length, 3)
  const asked = simulation.requests.filter(({ target }) => target.endsWith('/userDevices'))
  t.equal(asked.length, 6)
})

t.test('a device without a link to its user is listed, and nothing is known of its compliance', async (t) => {
  const { simulation, all } = await connectorUnderTest(t, cloud, { devices: 3 })
  simulation.fleet.change('1002', { raw: { links: null } })
  const device = (await all()).find(({ ids }) => ids.serial === simulation.fleet.get('1002')?.serial)
  t.match(device, { compliance: 'unknown', management: 'unknown' })
})

t.test('a link to another host is not followed: only the user’s id is taken of it', async (t) => {
  const href = `https://evil.example.com/users/c0ffee00-user2/userDevices/1`
  const device = await read(t, { links: [{ rel: 'userDevice', href }] })
  t.equal(device.compliance, 'compliant')
})

t.test('the settings need one way to sign in, and all of it', async (t) => {
  const base = { name: 'uem', type: 'blackberry', url: 'https://uem.example.com:18084/S1' }
  const env = { password: 'x', clientSecret: 'y' }
  t.throws(() => connectionOf(base, env), /needs `clientId`, `clientSecret` and `tokenUrl`/)
  t.throws(() => connectionOf({ ...base, clientId: 'a' }, env), /needs `clientId`/)
  const password = { user: 'a', password: { env: 'password' } }
  t.throws(() => connectionOf({ ...base, ...password, clientId: 'b' }, env), /exclude each other/)
  t.throws(() => connectionOf({ ...base, ...password, provider: 'AD' }, env), /needs `domain`/)
})

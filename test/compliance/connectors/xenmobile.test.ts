import t, { type Test } from 'tap'
import { startXenmobile } from '../../../sim/vendors/xenmobile.ts'
import {
  type ConnectorSubject,
  connectionOf,
  connectorContract,
  connectorUnderTest,
} from '../contract/connector.ts'

const subject: ConnectorSubject = {
  start: startXenmobile,
  settings: ({ url }) => ({
    type: 'xenmobile',
    url,
    user: 'svc-gatehouse',
    password: { env: 'password' },
    pageSize: 4,
  }),
  pageSize: 4,
  unheardOf: {},
  longMember: 'deviceModel',
  withoutId: { id: null },
  tokens: true,
  cannot: ['reason', 'pending', 'leaving', 'unknown'],
}

const cloud: ConnectorSubject = {
  ...subject,
  settings: ({ url }) => ({
    type: 'xenmobile',
    url,
    clientId: 'gatehouse-client',
    clientSecret: { env: 'clientSecret' },
    trustUrl: `${url}/root/tokens/clients`,
    list: 'endpoint-management',
    pageSize: 4,
  }),
}

await connectorContract(t, subject)

const start = (t: Test, devices: number, settings: object = {}) =>
  connectorUnderTest(t, subject, { devices, settings })

t.test('in Citrix Cloud, the token of the secure client is exchanged for one of the server', async (t) => {
  const { simulation, all } = await connectorUnderTest(t, cloud, { devices: 10 })
  t.equal((await all()).length, 10)
  t.strictSame(
    simulation.requests.slice(0, 3).map(({ target }) => target),
    [
      '/root/tokens/clients',
      '/xenmobile/api/v1/authentication/login/cloud',
      '/api/endpoint-management/devices/filter',
    ],
  )
})

t.test('a secure client that Citrix Cloud refuses is tried once', async (t) => {
  const env = { clientSecret: 'wrong-secret-1234' }
  const { simulation, failure } = await connectorUnderTest(t, cloud, { devices: 1, env })
  t.equal((await failure()).code, 'credentials')
  t.equal(simulation.refusedSignIns, 1)
})

t.test('403 with a page is a token that has ended, 403 with JSON is a right that is missing', async (t) => {
  const { simulation, all, failure } = await start(t, 3)
  await all()
  simulation.expireTokens()
  t.equal((await all()).length, 3)
  simulation.faults = { forbidden: true }
  t.equal((await failure()).code, 'forbidden')
  t.equal(simulation.issued.size, 2)
})

t.test('an error inside of a 200 is a failure, not an empty fleet', async (t) => {
  const { simulation, failure } = await start(t, 3)
  simulation.faults = { within: { status: 1234, message: 'Internal error', filteredDevicesDataList: [] } }
  t.match(await failure(), { code: 'protocol', message: /1234/ })
})

t.test('who is out of compliance is asked for before each sweep, page by page', async (t) => {
  const { simulation, all } = await start(t, 12)
  for (const id of ['1001', '1003', '1005', '1007', '1009', '1011']) {
    simulation.fleet.change(id, { compliance: 'noncompliant' })
  }
  const out = (await all()).filter(({ compliance }) => compliance === 'noncompliant')
  t.equal(out.length, 6)
})

t.test('a sweep whose question for the devices out of compliance fails tells of nobody', async (t) => {
  const { simulation, all, failure } = await start(t, 3)
  await all()
  simulation.faults = { fail: 4 }
  t.equal((await failure()).code, 'vendor-failure')
})

t.test('a device that the mail gateway blocks is out of compliance', async (t) => {
  const { simulation, all } = await start(t, 1)
  simulation.fleet.change('1001', { raw: { gatewayBlocked: true } })
  t.match((await all())[0], { compliance: 'noncompliant', reasons: ['Blocked at the mail gateway'] })
})

t.test('the login stands before the first blank of the user name', async (t) => {
  const { simulation, all } = await start(t, 2)
  simulation.fleet.change('1001', { raw: { userName: 'Anna.Jensen@example.com "Anna Jensen"' } })
  simulation.fleet.change('1002', { raw: { userName: 'ajensen "Anna"' } })
  t.strictSame(
    (await all()).map(({ user }) => user),
    [{ name: 'anna.jensen@example.com', upn: 'anna.jensen@example.com' }, { name: 'ajensen' }],
  )
})

t.test('ids may be numbers or GUIDs', async (t) => {
  const { simulation, all } = await start(t, 1)
  simulation.fleet.change('1001', { raw: { id: '3d0c7f0e-6a55-4a3f-9a33-0f9b0d1d2e11' } })
  t.equal((await all())[0]?.vendorDeviceId, '3d0c7f0e-6a55-4a3f-9a33-0f9b0d1d2e11')
})

t.test(
  'the last contact is the day that the server counts from, not its text in the server’s zone',
  async (t) => {
    const { simulation, all } = await start(t, 2)
    simulation.fleet.change('1001', { raw: { inactivityDays: '3' } })
    simulation.fleet.change('1002', { raw: { inactivityDays: '' } })
    t.strictSame(
      (await all()).map(({ lastSeen }) => lastSeen),
      [Date.parse('2026-11-19T00:00:00Z'), undefined],
    )
  },
)

t.test('a device with a wipe under way is leaving when it is looked up', async (t) => {
  const { simulation, connector, signal } = await start(t, 1)
  simulation.fleet.change('1001', { management: 'leaving' })
  t.match(await connector.lookup?.('1001', signal), { management: 'leaving' })
})

t.test('the session is ended when the connection is closed', async (t) => {
  const { simulation, connector, all } = await start(t, 1)
  await all()
  await connector.close()
  t.match(simulation.requests.at(-1)?.target, '/xenmobile/api/v1/authentication/logout')
})

t.test('the settings want one way to sign in', async (t) => {
  const url = 'https://xms.example.com:4443'
  const build = (keys: object) =>
    connectionOf({ name: 'citrix', type: 'xenmobile', url, ...keys }, { S: 'secret' })
  t.throws(() => build({}), /`user` and `password`, or `clientId` and `clientSecret`/)
  t.throws(() => build({ user: 'u', password: { env: 'S' }, clientId: 'c' }), /`user` and `password`, or/)
  t.throws(
    () => build({ user: 'u', password: { env: 'S' }, list: 'endpoint-management', pageSize: 500 }),
    /at most 100/,
  )
  t.doesNotThrow(() => build({ user: 'u', password: { env: 'S' } }))
})

import t, { type Test } from 'tap'
import { startWorkspaceOne } from '../../../sim/vendors/workspace-one.ts'
import {
  type ConnectorSubject,
  connectionOf,
  connectorContract,
  connectorUnderTest,
  contractNow,
} from '../contract/connector.ts'

const common = {
  start: startWorkspaceOne,
  pageSize: 4,
  unheardOf: { ComplianceStatus: 'SortOfCompliant' },
  longMember: 'Model',
  withoutId: { Id: { Value: null } },
}

const withUser: ConnectorSubject = {
  ...common,
  settings: ({ url }) => ({
    type: 'workspace-one',
    url,
    user: 'svc-gatehouse',
    password: { env: 'password' },
    tenantCode: { env: 'apiKey' },
    pageSize: 4,
  }),
  tokens: false,
}

const withOAuth: ConnectorSubject = {
  ...common,
  settings: ({ url }) => ({
    type: 'workspace-one',
    url,
    tokenUrl: `${url}/connect/token`,
    clientId: 'gatehouse-client',
    clientSecret: { env: 'clientSecret' },
    pageSize: 4,
  }),
  tokens: true,
}

t.test('with a user and the tenant’s key', (t) => connectorContract(t, withUser))
t.test('with an OAuth client', (t) => connectorContract(t, withOAuth))

const start = (t: Test, devices: number, settings: object = {}) =>
  connectorUnderTest(t, withUser, { devices, settings })

t.test('an empty result arrives as 204 without a body', async (t) => {
  const { all, connector, signal } = await start(t, 3)
  t.strictSame(await all(connector.noncompliant?.(signal)), [])
})

t.test('a 204 in the middle of a sweep does not end it as if it were whole', async (t) => {
  const { simulation, connector, signal, failure } = await start(t, 12)
  const error = await failure(async () => {
    for await (const _ of connector.sweep(signal)) simulation.faults = { empty: true }
  })
  t.equal(error.code, 'incomplete')
})

t.test('a page size that the server cuts down loses no device', async (t) => {
  const { simulation, all } = await start(t, 1100, { pageSize: 1000 })
  t.equal((await all()).length, 1100)
  t.equal(simulation.calls, 3)
})

t.test('a wrong tenant code is told apart from a wrong password', async (t) => {
  const { failure } = await connectorUnderTest(t, withUser, {
    devices: 1,
    env: { apiKey: 'wrong-key-12345' },
  })
  t.equal((await failure()).code, 'forbidden')
})

t.test('the API version is always named', async (t) => {
  const { simulation, all } = await start(t, 1)
  await all()
  t.equal(simulation.requests[0]?.headers.accept, 'application/json;version=1')
})

t.test('a daily quota that is used up says when it begins again', async (t) => {
  const { simulation, failure } = await start(t, 1)
  simulation.faults = { throttle: { times: 10, retryAfter: new Date(contractNow + 3_600_000).toUTCString() } }
  t.match(await failure(), { code: 'throttled', retryAfter: 3_600_000 })
})

t.test('each enrolment and compliance status means what the vendor says', async (t) => {
  const enrollments = [
    ['Enrolled', 'managed'],
    ['Registered', 'pending'],
    ['Discovered', 'pending'],
    ['EnrollmentInProgress', 'pending'],
    ['EnterpriseWipePending', 'leaving'],
    ['Device Wipe Pending', 'leaving'],
    ['WipeInitiated', 'leaving'],
    ['Retired', 'gone'],
    ['Unenrolled', 'gone'],
    ['DeviceNotFound', 'unmanaged'],
    ['Unknown', 'unknown'],
    ['Perhaps', 'unknown'],
  ] as const
  const compliances = [
    ['Compliant', 'compliant'],
    ['allowed', 'compliant'],
    ['NonCompliant', 'noncompliant'],
    ['Blocked', 'noncompliant'],
    ['quarantined', 'noncompliant'],
    ['RegistrationExpired', 'noncompliant'],
    ['NotAvailable', 'unknown'],
    ['PendingComplianceCheck', 'unknown'],
    ['registrationActive', 'unknown'],
    ['pendingComplianceCheckForAPolicy', 'unknown'],
    ['', 'unknown'],
    [null, 'unknown'],
  ] as const
  const { simulation, all } = await start(t, 12)
  for (const [index, [EnrollmentStatus]] of enrollments.entries()) {
    const ComplianceStatus = compliances[index]?.[0]
    simulation.fleet.change(String(1001 + index), { raw: { EnrollmentStatus, ComplianceStatus } })
  }
  const devices = await all()
  t.strictSame(
    devices.map(({ management }) => management),
    enrollments.map(([, management]) => management),
  )
  t.strictSame(
    devices.map(({ compliance }) => compliance),
    compliances.map(([, compliance]) => compliance),
  )
})

t.test('dates of the year 1 mean never, and dates without a zone are UTC', async (t) => {
  const { simulation, all } = await start(t, 2)
  simulation.fleet.change('1001', { raw: { LastSeen: '0001-01-01T00:00:00.000' } })
  simulation.fleet.change('1002', { raw: { LastSeen: '2026-11-21T19:04:35.150' } })
  t.strictSame(
    (await all()).map(({ lastSeen }) => lastSeen),
    [undefined, Date.parse('2026-11-21T19:04:35.150Z')],
  )
})

t.test('ActiveSync ids are read in every shape, and once', async (t) => {
  const { simulation, all } = await start(t, 4)
  const easIds = [{ EasId: ['ABCD1'] }, ['ABCD1'], 'ABCD1', { EasId: 'ABCD1' }]
  for (const [index, EasIds] of easIds.entries()) {
    simulation.fleet.change(String(1001 + index), { raw: { EasIds, EasId: index === 0 ? 'abcd1' : '' } })
  }
  for (const { ids } of await all()) t.strictSame(ids.easDeviceId, ['abcd1'])
})

t.test('jailbreak may be a text, and where it is missing nobody knows', async (t) => {
  const { simulation, all } = await start(t, 3)
  simulation.fleet.change('1001', { raw: { CompromisedStatus: 'True' } })
  simulation.fleet.change('1002', { raw: { CompromisedStatus: undefined } })
  t.strictSame(
    (await all()).map(({ compromised }) => compromised),
    [true, undefined, false],
  )
})

t.test('a page of HTML with 404 is a device that is gone, not an error to parse', async (t) => {
  const { connector, signal } = await start(t, 1)
  t.equal(await connector.lookup?.('99999', signal), 'gone')
})

t.test('an event names the device to look up: as JSON, as XML, and without believing the rest', async (t) => {
  const { connector } = await start(t, 0)
  const read = (body: string) =>
    connector.readWebhook?.({ headers: new Map(), body: new TextEncoder().encode(body) })
  const json = (DeviceId: unknown) =>
    JSON.stringify({ EventType: 'Compliance Status Changed', DeviceId, Udid: 'System.Byte[]' })
  t.strictSame(read(json(18477)), { vendorDeviceIds: ['18477'] })
  t.strictSame(read(json('18477')), { vendorDeviceIds: ['18477'] })
  t.strictSame(
    read('<?xml version="1.0"?><Eventlog><EventId>178</EventId><DeviceId>18477</DeviceId></Eventlog>'),
    {
      vendorDeviceIds: ['18477'],
    },
  )
  for (const nothing of [
    '',
    '{',
    '[]',
    json('../1'),
    json(0),
    json({}),
    '<html><DeviceId>1</DeviceId></html>',
  ]) {
    t.equal(read(nothing), undefined, nothing)
  }
})

t.test('the settings want one way to sign in, whole', async (t) => {
  const url = 'https://as1234.awmdm.com'
  const build = (keys: object) =>
    connectionOf({ name: 'ws1', type: 'workspace-one', url, ...keys }, { S: 'secret' })
  const S = { env: 'S' }
  t.throws(() => build({}), /needs `user`, `password` and `tenantCode`, or/)
  t.throws(() => build({ user: 'u', password: S }), /tenantCode/)
  t.throws(
    () => build({ user: 'u', password: S, tenantCode: S, clientId: 'c' }),
    /`user` and `clientId` exclude each other/,
  )
  t.throws(() => build({ user: 'u', password: S, tenantCode: S, tokenUrl: `${url}/connect/token` }), /needs/)
  t.doesNotThrow(() => build({ user: 'u', password: S, tenantCode: S }))
  t.doesNotThrow(() => build({ tokenUrl: `${url}/connect/token`, clientId: 'c', clientSecret: S }))
})

t.test('only one organisation group is read where the settings name it', async (t) => {
  const { simulation, all } = await start(t, 1, { organizationGroup: '571' })
  await all()
  t.match(simulation.requests[0]?.target, /[?&]lgid=571(?:&|$)/)
})

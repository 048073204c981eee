import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openConnector } from '../../../src/compliance/connectors/table.ts'
import type { ManagedDevice } from '../../../src/domain/managed-device.ts'
import { buildCompliance } from '../../../src/settings/build-compliance.ts'
import { complianceSection } from '../../../src/settings/sections/compliance.ts'
import { VendorBuilder } from '../../../src/settings/sections/vendors/common.ts'
import { buildVendor, vendorSchema } from '../../../src/settings/sections/vendors/table.ts'
import type { Store } from '../../../src/store/ports.ts'
import { openSqliteStore } from '../../../src/store/sqlite.ts'
import { enroll } from '../../store/contract/enrollments.ts'
import { deviceProfile } from '../../store/contract/profiles.ts'
import { admin, start } from '../../store/contract/values.ts'

const readers = {
  env: {},
  resolve: (path: string) => path,
  readFile: () => ({ text: undefined, mistake: 'none' }),
}

async function fleetUnderTest(t: Test, settings: object = {}) {
  const store = await openSqliteStore(join(t.testdir(), 'record.db'), { now: () => start })
  t.teardown(() => store.close())
  const written = vendorSchema.parse({ type: 'gatehouse', ...settings })
  const open = openConnector(buildVendor(written, new VendorBuilder(readers, [], [])), {
    ...{ now: () => start, random: () => 0.5, fleet: store },
  })
  t.teardown(() => open.close())
  const { connector } = open
  return {
    ...{ store, connector },
    async all(): Promise<ManagedDevice[]> {
      const devices: ManagedDevice[] = []
      for await (const page of connector.sweep(new AbortController().signal)) devices.push(...page.devices)
      return devices
    },
  }
}

const good = {
  PasscodePresent: true,
  PasscodeCompliant: true,
  PasscodeCompliantWithProfiles: true,
  HardwareEncryptionCaps: 3,
}

async function tellSecurity(store: Store, id: string, values: Record<string, boolean | number> = good) {
  await store.enrollments.putInventory(id, { part: 'security-info', values, at: start + 2 })
}

t.test('before the first device has enrolled, nobody is the whole fleet', async (t) => {
  const { connector, all } = await fleetUnderTest(t)
  t.strictSame(await all(), [])
  t.equal(connector.mayBeEmpty, true)
})

t.test('an enrolled device with passcode and encryption is managed and compliant', async (t) => {
  const { store, all } = await fleetUnderTest(t)
  await enroll(store, 'U1')
  await tellSecurity(store, 'U1')
  await store.enrollments.putInventory('U1', {
    ...{ part: 'device-information', values: {}, at: start + 3 },
    learnt: { ids: { easDeviceId: ['appldn1'] } },
  })
  t.match(await all(), [
    {
      ...{
        vendor: 'gatehouse',
        vendorDeviceId: 'U1',
        user: { name: 'ann' },
        platform: 'ios',
        osVersion: '18.1',
      },
      ids: { udid: 'U1', serial: 'SERIALU1', easDeviceId: ['appldn1'] },
      ...{ management: 'managed', compliance: 'compliant', reasons: [], lastSeen: start + 1 },
    },
  ])
})

t.test(
  'what a device lacks is why it is out of compliance, and what it has not told is unknown',
  async (t) => {
    const { store, all } = await fleetUnderTest(t)
    const cases: readonly [
      string,
      Record<string, boolean | number> | undefined,
      string,
      readonly unknown[],
    ][] = [
      ['A', undefined, 'unknown', []],
      ['B', { ...good, PasscodePresent: false }, 'noncompliant', [/No passcode/, /not encrypted/]],
      ['C', { ...good, PasscodeCompliantWithProfiles: false }, 'noncompliant', [/does not fit its rules/]],
      ['D', { ...good, HardwareEncryptionCaps: 1 }, 'noncompliant', [/not encrypted/]],
      ['E', { PasscodePresent: true }, 'unknown', []],
    ]
    for (const [id, values] of cases) {
      await enroll(store, id)
      if (values !== undefined) await tellSecurity(store, id, values)
    }
    const found = new Map((await all()).map((device) => [device.vendorDeviceId, device]))
    for (const [id, , compliance, reasons] of cases) t.match(found.get(id), { compliance, reasons }, id)
  },
)

t.test(
  'a required profile that is missing is a reason; one that is only being renewed is none',
  async (t) => {
    const { store, connector } = await fleetUnderTest(t)
    const state = async () => {
      const device = await connector.lookup!('U1', new AbortController().signal)
      return device === 'gone' ? device : device.compliance
    }
    const tellProfiles = (at: number, ...identifiers: readonly string[]) =>
      store.enrollments.putInventory('U1', {
        ...{ part: 'profiles', at },
        values: { list: identifiers.map((PayloadIdentifier) => ({ PayloadIdentifier })) },
      })
    await enroll(store, 'U1')
    await tellSecurity(store, 'U1')
    const row = deviceProfile({ required: true, at: start + 5 })
    await store.deviceProfiles.put([{ ...row, state: 'sent', command: 'C1' }])
    t.equal(await state(), 'noncompliant', 'on its way, and never there before')
    await tellProfiles(start + 4, row.identifier)
    t.equal(await state(), 'compliant', 'there in an older revision')
    await store.deviceProfiles.put([row])
    t.equal(await state(), 'compliant')
    await tellProfiles(start + 9)
    t.equal(await state(), 'noncompliant', 'lost')
    await store.deviceProfiles.put([{ ...row, required: false }])
    t.equal(await state(), 'compliant', 'not required')
    t.equal(await connector.lookup!('U2', new AbortController().signal), 'gone')
  },
)

t.test('a device that has left is gone, one that is enrolled anew has told nothing yet', async (t) => {
  const { store, all } = await fleetUnderTest(t, { name: 'own' })
  for (const id of ['U1', 'U2', 'U3']) {
    await enroll(store, id)
    await tellSecurity(store, id)
  }
  await store.enrollments.end('U1', 'gone', admin)
  await store.enrollments.end('U2', 'leaving', admin)
  await enroll(store, 'U3', {
    at: start + 100,
    identity: { certificate: 'another', publicKey: 'another key' },
  })
  t.match(await all(), [
    { vendor: 'own', vendorDeviceId: 'U1', management: 'gone' },
    { vendorDeviceId: 'U2', management: 'leaving' },
    { vendorDeviceId: 'U3', management: 'managed', compliance: 'unknown' },
  ])
})

t.test('a large fleet comes page by page, each device once', async (t) => {
  const { store, all } = await fleetUnderTest(t)
  for (let index = 0; index < 230; index++) await enroll(store, `U${index}`)
  t.equal(new Set((await all()).map((device) => device.vendorDeviceId)).size, 230)
})

t.test('where devices are enrolled, Gatehouse is a vendor without being named', async (t) => {
  const names = (vendors: readonly object[], enrolls: boolean) =>
    buildCompliance(complianceSection.parse({ vendors }), readers, [], enrolls).vendors.map(
      ({ type, settings }) => `${type} ${settings.name}`,
    )
  t.strictSame(names([], false), [])
  t.strictSame(names([], true), ['gatehouse gatehouse'])
  t.strictSame(names([{ type: 'gatehouse', name: 'own' }], true), ['gatehouse own'])
})

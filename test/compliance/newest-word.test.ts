import t, { type Test } from 'tap'
import { PostureWriter } from '../../src/compliance/apply.ts'
import { LatestWord } from '../../src/compliance/latest-word.ts'
import { lookUp, News, type PollDependencies, sweep } from '../../src/compliance/sweep.ts'
import { aliasesOf } from '../../src/compliance/user-names.ts'
import type { ManagedDevice } from '../../src/domain/managed-device.ts'
import { RecordUnavailable } from '../../src/store/errors.ts'
import { device, office, ScriptedVendor } from './scripted-vendor.ts'

/** One vendor's polls by hand, with what they told beside the record. */
async function polls(t: Test, devices: readonly ManagedDevice[]) {
  const vendor = new ScriptedVendor(devices, { lookup: true })
  const place = await office(t, { mdm: vendor })
  const { store, clock } = place
  const rules = { grace: 'allow', maxSilence: undefined, surplus: 'refuse', aliases: aliasesOf([]) } as const
  const told = { doubts: [] as string[], unsettled: 0 }
  const writer = new PostureWriter({
    ...{ record: store, rules, vendors: ['mdm'], now: () => clock.now, whenGone: 'keep' },
    brake: { maxNewlyBlocked: 0.1, atLeast: 20 },
    onApplied() {},
    onHeld() {},
  })
  const latest = new LatestWord()
  const deps: PollDependencies = {
    ...{ name: 'mdm', connector: vendor, record: store, rules, writer, latest, smallest: 0.5 },
    now: () => clock.now,
    onDoubt: (id) => told.doubts.push(id),
    onUnsettled: () => {
      told.unsettled += 1
    },
  }
  const { signal } = new AbortController()
  return { ...place, vendor, deps, told, latest, signal }
}

t.test('a sweep that contradicts what was asked for meanwhile has the vendor asked once more', async (t) => {
  const { deps, latest, signal, vendor, told, store } = await polls(t, [device('1'), device('2')])
  latest.begin()
  await lookUp(deps, ['1'], { signal })
  vendor.change('1', { compliance: 'noncompliant' })
  await sweep(deps, signal)
  t.strictSame(told.doubts, ['1'])
  t.match((await store.managedDevices.get('mdm', '1'))?.device, { compliance: /^compliant$/ })
})

t.test('a device that was asked for meanwhile is not gone because the sweep has missed it', async (t) => {
  const { deps, latest, signal, vendor, store } = await polls(t, [device('1'), device('2')])
  latest.begin()
  await lookUp(deps, ['1'], { signal })
  vendor.devices = [device('2')]
  vendor.asked = []
  await sweep(deps, signal)
  t.strictSame(vendor.asked, [])
  t.ok(await store.managedDevices.get('mdm', '1'))
})

t.test(
  'who is missed by the pages and is there after all is known by what the vendor then says',
  async (t) => {
    const { deps, signal, vendor, store } = await polls(t, [device('1'), device('2')])
    await sweep(deps, signal)
    vendor.change('1', { osVersion: '18.3' })
    const { devices } = vendor
    deps.connector.sweep = async function* () {
      yield { devices: devices.slice(1) }
    }
    await sweep(deps, signal)
    t.equal((await store.managedDevices.get('mdm', '1'))?.device.osVersion, '18.3')
  },
)

t.test('news that may have been kept without their consequences have everybody judged anew', async (t) => {
  const { deps, told, store } = await polls(t, [])
  const gone = new RecordUnavailable('full', 'the disk is full')
  const failing = <Name extends 'managedDevices' | 'postures'>(
    part: Name,
    call: keyof PollDependencies['record'][Name],
  ) => ({
    ...deps,
    record: { ...store, [part]: { ...store[part], [call]: () => Promise.reject(gone) } },
  })
  const news = { devices: [device('1')] }
  await t.rejects(new News(failing('managedDevices', 'put')).keep(news), gone)
  t.equal(told.unsettled, 1)
  const kept = new News(failing('postures', 'concerning'))
  await kept.keep(news)
  t.equal(told.unsettled, 1)
  await t.rejects(kept.settle(), gone)
  t.equal(told.unsettled, 2)
})

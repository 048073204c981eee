import t from 'tap'
import { evaluate } from '../../src/compliance/evaluate.ts'
import { aliasesOf } from '../../src/compliance/user-names.ts'
import { verdictOf } from '../../src/compliance/verdict.ts'
import { by, device, office, ScriptedVendor, start } from './scripted-vendor.ts'

const fleetOf = (size: number) =>
  Array.from({ length: size }, (_, index) => device(String(index), { user: { name: `u${index}` } }))

// A text is matched by each of its parts: `compliant` alone would be found in `noncompliant`.
const compliant = { state: /^compliant$/ }

t.test('one of three phones may go without anybody’s word; half of twenty may not', async (t) => {
  const vendor = new ScriptedVendor(fleetOf(3))
  const { register, poll, posture } = await office(t, { mdm: vendor })
  await register('r_1', { user: 'u1' })
  await poll()
  vendor.devices = fleetOf(1)
  await poll()
  t.match(await posture('r_1'), { state: 'unmanaged' })
})

t.test('that few devices are right is believed for an hour, and not for ever', async (t) => {
  const vendor = new ScriptedVendor(fleetOf(20))
  const { poll, store, clock, register, posture } = await office(t, { mdm: vendor })
  await register('r_1', { user: 'u19' })
  await poll()
  await store.sweeps.confirm('mdm', { ...by, at: clock.now })
  clock.now += 3_600_001
  vendor.devices = fleetOf(5)
  await t.rejects(poll(), { code: 'incomplete' })
  t.match(await posture('r_1'), compliant)
})

t.test('records that cannot be read are counted as found, and nobody is gone by them', async (t) => {
  const vendor = new ScriptedVendor(fleetOf(20))
  const { poll, register, posture } = await office(t, { mdm: vendor })
  await register('r_1', { user: 'u19' })
  await poll()
  vendor.devices = fleetOf(17)
  vendor.unreadable = 3
  vendor.total = 20
  await poll()
  t.match(await posture('r_1'), compliant, 'it may be the one that cannot be read')
  vendor.unreadable = 0
  vendor.total = undefined
  await poll()
  t.match(await posture('r_1'), { state: 'unmanaged' })
})

t.test('very many that are missing are not asked for one by one', async (t) => {
  const vendor = new ScriptedVendor(fleetOf(220), { lookup: true })
  const { poll, store } = await office(t, { mdm: vendor })
  await poll()
  vendor.devices = fleetOf(115)
  await poll()
  t.strictSame(vendor.asked, [])
  t.equal(await store.managedDevices.count('mdm'), 115)
  vendor.devices = fleetOf(110)
  await poll()
  t.equal(vendor.asked.length, 5)
})

t.test('a sweep that broke off leaves what is held as it is', async (t) => {
  const fleet = fleetOf(30)
  const vendor = new ScriptedVendor(fleet)
  const { poll, store, register, posture } = await office(t, { mdm: vendor })
  for (let index = 0; index < 30; index++) await register(`r_${index}`, { user: `u${index}` })
  await poll()
  vendor.devices = fleet.map((one) => ({ ...one, compliance: 'noncompliant' as const }))
  await poll()
  t.equal(await store.postures.heldCount('mdm'), 30)
  vendor.pageSize = 20
  vendor.breaksAfter = 1
  vendor.devices = fleet
  await t.rejects(poll())
  t.equal(await store.postures.heldCount('mdm'), 30)
  t.match(await posture('r_25'), compliant, 'of whom nothing was read')
  vendor.breaksAfter = undefined
  await poll()
  t.equal(await store.postures.heldCount('mdm'), 0)
})

t.test('confirming blocks nobody whom half a sweep has found well again', async (t) => {
  const fleet = fleetOf(30)
  const vendor = new ScriptedVendor(fleet)
  const { poll, store, register, posture, confirm } = await office(t, { mdm: vendor })
  for (let index = 0; index < 30; index++) await register(`r_${index}`, { user: `u${index}` })
  await poll()
  vendor.devices = fleet.map((one) => ({ ...one, compliance: 'noncompliant' as const }))
  await poll()
  vendor.pageSize = 20
  vendor.breaksAfter = 1
  vendor.devices = fleet
  await t.rejects(poll())
  t.equal(await store.postures.heldCount('mdm'), 30)
  t.equal(await confirm(), 10, 'those of whom nothing better was heard')
  for (const id of ['r_0', 'r_19']) t.match(await posture(id), compliant, id)
  for (const id of ['r_20', 'r_29']) t.match(await posture(id), { state: 'noncompliant' }, id)
  t.equal(await store.postures.heldCount('mdm'), 0)
})

t.test('who was held as wiped and is there after all is not forgotten by confirming', async (t) => {
  const fleet = fleetOf(30)
  const vendor = new ScriptedVendor(fleet)
  const options = { whenGone: 'forget' } as const
  const { poll, store, register, posture, confirm } = await office(t, { mdm: vendor }, options)
  for (let index = 0; index < 30; index++) await register(`r_${index}`, { user: `u${index}` })
  await poll()
  vendor.devices = fleet.map((one) => ({ ...one, management: 'gone' as const }))
  await poll()
  vendor.devices = fleet.map((one) => ({ ...one, compliance: 'noncompliant' as const }))
  vendor.pageSize = 20
  vendor.breaksAfter = 1
  await t.rejects(poll())
  await confirm()
  t.match(await posture('r_7'), { state: 'unmanaged' }, 'until the next sweep')
  t.equal(await store.registrations.get('r_27'), undefined)
})

t.test('confirming says that the vendor’s small number is right, and lets the wiped ones go', async (t) => {
  const fleet = fleetOf(30)
  const vendor = new ScriptedVendor(fleet)
  const place = await office(t, { mdm: vendor }, { whenGone: 'forget' })
  const { poll, store, register, clock, posture, confirm } = place
  for (let index = 0; index < 30; index++) await register(`r_${index}`, { user: `u${index}` })
  await poll()
  vendor.devices = fleet.map((one) => ({ ...one, management: 'gone' as const }))
  await poll()
  t.match(await posture('r_7'), compliant, 'held')
  t.equal(await store.sweeps.confirmedAt('mdm'), undefined)
  t.equal(await confirm(), 30)
  t.equal(await store.registrations.get('r_7'), undefined)
  t.equal(await store.sweeps.confirmedAt('mdm'), clock.now)
})

t.test('what a vendor says of a device, or does not say, is what the rules make of it', async (t) => {
  const rules = { grace: 'allow', maxSilence: undefined } as const
  const state = (change: Parameters<typeof device>[1], grace: 'allow' | 'refuse' = 'allow') =>
    verdictOf(device('1', change), { ...rules, grace }, start).state
  t.equal(state({}), 'compliant')
  t.equal(state({ management: 'unknown' }), 'unknown')
  t.equal(state({ management: 'pending' }), 'unmanaged')
  t.equal(state({ compliance: 'grace', graceUntil: start + 1 }), 'compliant')
  t.equal(state({ compliance: 'grace', graceUntil: start + 1 }, 'refuse'), 'noncompliant')
  t.equal(state({ compliance: 'grace', graceUntil: start }), 'noncompliant')
  t.equal(state({ compliance: 'unknown' }), 'unknown')
  t.equal(state({ compromised: true, compliance: 'compliant' }), 'noncompliant')
})

t.test('a vendor that the settings name no more vouches for nobody, and nobody is gone by it', async (t) => {
  const mdm = new ScriptedVendor([device('1')])
  const old = new ScriptedVendor([
    device('9', { vendor: 'old', user: { name: 'bob' } }),
    device('8', { vendor: 'old', user: { name: 'kiosk' } }),
  ])
  const { poll, store, register, posture } = await office(t, { mdm, old })
  await poll('mdm')
  await register('r_1', { user: 'bob' })
  await register('r_2', { user: 'carol' })
  await store.links.link('r_2', { vendor: 'old', vendorDeviceId: '8' }, by)
  await poll('old')
  for (const id of ['r_1', 'r_2']) t.match(await posture(id), compliant)
  const rules = { grace: 'allow', maxSilence: undefined, surplus: 'refuse', aliases: aliasesOf([]) } as const
  const left = { record: store, rules, vendors: ['mdm'], now: () => start }
  const outdated = await evaluate({ ids: ['r_1', 'r_2'] }, left)
  t.match(outdated, [
    { posture: { state: 'unmanaged', match: 'none' }, gone: false },
    { posture: { state: 'unmanaged', match: 'none' }, gone: false },
  ])
})

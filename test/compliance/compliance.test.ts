import t from 'tap'
import { aliasesOf } from '../../src/compliance/user-names.ts'
import { eventually } from '../helpers/eventually.ts'
import { by, device, office, ScriptedVendor, start } from './scripted-vendor.ts'

t.test(
  'a managed, compliant device makes its client compliant, and its noncompliance blocks it',
  async (t) => {
    const vendor = new ScriptedVendor([device('1', { ids: { easDeviceId: ['abcdef'] } })])
    const { register, poll, posture, store } = await office(t, { mdm: vendor })
    await register('r_1', { device: { platform: 'ios', claimedId: 'ABCDEF' } })
    await poll()
    t.match(await posture('r_1'), { state: /^compliant$/, match: 'exact', vendor: 'mdm', device: '1' })
    const before = await store.registrations.get('r_1')
    vendor.change('1', { compliance: 'noncompliant', reasons: ['No passcode'] })
    await poll()
    t.match(await posture('r_1'), { state: 'noncompliant', match: 'exact', reason: 'No passcode' })
    t.ok((await store.registrations.get('r_1'))!.version > before!.version, 'announced')
    const [last] = (await store.audit.list({ limit: 1 })).slice(-1)
    t.match(last, {
      action: 'posture.changed',
      subject: 'r_1',
      why: 'No passcode',
      details: { to: 'noncompliant' },
    })
  },
)

t.test('a fleet in which nothing has changed costs no write but the note that it was read', async (t) => {
  const fleet = Array.from({ length: 300 }, (_, index) =>
    device(String(index), { user: { name: `user-${index}` }, lastSeen: start }),
  )
  const vendor = new ScriptedVendor(fleet)
  const { register, poll, store, posture, clock } = await office(t, { mdm: vendor })
  for (let index = 0; index < 5; index++) await register(`r_${index}`, { user: `user-${index}` })
  await poll()
  t.match(await posture('r_1'), { state: /^compliant$/, match: 'likely' })
  const before = await store.changes.latest()
  const audited = (await store.audit.list({ limit: 1000 })).length
  const learnt = (await store.managedDevices.get('mdm', '7'))?.learntAt
  clock.now += 600_000
  vendor.devices = vendor.devices.map((one) => ({ ...one, lastSeen: start + 600_000 }))
  await poll()
  const changes = await store.changes.since(before, 100)
  t.strictSame(
    changes.map(({ kind, subject }) => [kind, subject]),
    [['vendor', 'mdm']],
  )
  t.equal((await store.audit.list({ limit: 1000 })).length, audited)
  t.equal((await store.managedDevices.get('mdm', '7'))?.learntAt, learnt, 'devices are not written')
  t.equal((await store.sweeps.lastComplete()).get('mdm'), clock.now, 'and yet the news are new')
})

t.test('an empty answer changes nothing', async (t) => {
  const vendor = new ScriptedVendor([device('1')])
  const { register, poll, posture, store } = await office(t, { mdm: vendor })
  await register('r_1')
  await poll()
  vendor.devices = []
  await t.rejects(poll(), { code: 'incomplete', message: /no device at all, where 1 were known/ })
  t.match(await posture('r_1'), { state: /^compliant$/ })
  t.match(await store.sweeps.list('mdm', 1), [{ complete: false, error: { code: 'incomplete' } }])
})

t.test('nobody at all is right for our own record alone, and only where nobody was known', async (t) => {
  const [own, vendor] = [new ScriptedVendor([]), new ScriptedVendor([])]
  own.mayBeEmpty = true
  const { poll, store } = await office(t, { gatehouse: own, mdm: vendor })
  await poll('gatehouse')
  t.match(await store.sweeps.list('gatehouse', 1), [{ complete: true, counts: { devices: 0 } }])
  await t.rejects(poll('mdm'), { code: 'incomplete', message: /no device at all, where 0 were known/ })
  own.devices = [device('1', { vendor: 'gatehouse' })]
  await poll('gatehouse')
  own.devices = []
  await t.rejects(poll('gatehouse'), { code: 'incomplete' }, 'it may be another record')
})

t.test('a sweep that breaks off concludes nothing from what it did not read', async (t) => {
  const vendor = new ScriptedVendor([
    device('1', { user: { name: 'ann' } }),
    device('2', { user: { name: 'bob' } }),
  ])
  vendor.pageSize = 1
  const { register, poll, posture } = await office(t, { mdm: vendor })
  await register('r_1')
  await register('r_2', { user: 'bob' })
  await poll()
  vendor.change('1', { compliance: 'noncompliant' })
  vendor.breaksAfter = 1
  await t.rejects(poll(), { code: 'unreachable' })
  t.match(await posture('r_2'), { state: /^compliant$/ }, 'not read: as it was')
  t.match(await posture('r_1'), { state: 'noncompliant' }, 'read: true')
})

t.test(
  'a sweep that finds far fewer devices than before, or than the vendor counts, is an error',
  async (t) => {
    const fleet = Array.from({ length: 20 }, (_, index) =>
      device(String(index), { user: { name: `u${index}` } }),
    )
    const vendor = new ScriptedVendor(fleet)
    const { register, poll, posture, store, clock } = await office(t, { mdm: vendor })
    await register('r_1', { user: 'u19' })
    await poll()
    vendor.devices = fleet.slice(0, 9)
    await t.rejects(poll(), { code: 'incomplete' })
    t.match(await posture('r_1'), { state: /^compliant$/ })
    vendor.devices = fleet.slice(0, 19)
    vendor.total = 25
    await t.rejects(poll(), { code: 'incomplete', message: /speaks of 25/ })
    t.match(await posture('r_1'), { state: /^compliant$/ })
    vendor.total = undefined
    vendor.devices = fleet.slice(0, 9)
    await store.sweeps.confirm('mdm', { ...by, at: clock.now })
    await poll()
    t.match(await posture('r_1'), { state: 'unmanaged', match: 'none' }, 'an administrator has confirmed it')
  },
)

t.test('who was only missed by the pages is asked for before being declared gone', async (t) => {
  const vendor = new ScriptedVendor([device('1'), device('2', { user: { name: 'bob' } })], { lookup: true })
  const { register, poll, posture } = await office(t, { mdm: vendor })
  await register('r_1')
  await poll()
  const all = vendor.devices
  vendor.sweep = async function* () {
    yield { devices: all.slice(1) }
  }
  await poll()
  t.strictSame(vendor.asked, ['1'])
  t.match(await posture('r_1'), { state: /^compliant$/ })
  vendor.devices = all.slice(1)
  await poll()
  t.match(await posture('r_1'), { state: 'unmanaged' })
})

t.test('nobody is unmanaged because a vendor has not been read yet', async (t) => {
  const { register, poll, posture } = await office(t, {
    mdm: new ScriptedVendor([device('1', { user: { name: 'bob' } })]),
    other: new ScriptedVendor([device('1', { vendor: 'other', user: { name: 'carol' } })]),
  })
  await register('r_1')
  await poll('mdm')
  t.match(await posture('r_1'), { state: 'unknown' })
  await poll('other')
  t.match(await posture('r_1'), { state: 'unmanaged', match: 'none' })
})

t.test(
  'one bad device among those that a client may be blocks every client of that type of that user',
  async (t) => {
    const vendor = new ScriptedVendor([
      device('1'),
      device('2'),
      device('3', { platform: 'android', osVersion: '14' }),
    ])
    const { register, poll, posture } = await office(t, { mdm: vendor })
    await register('r_1')
    await register('r_2')
    await register('r_3', { service: 'chat' })
    await register('r_4', { device: { platform: 'android' } })
    await poll()
    t.match(await posture('r_1'), { state: /^compliant$/, match: 'ambiguous' })
    vendor.change('2', { compliance: 'noncompliant', reasons: ['Jailbroken'] })
    await poll()
    for (const id of ['r_1', 'r_2', 'r_3'])
      t.match(await posture(id), { state: 'noncompliant', match: 'ambiguous', reason: /Jailbroken/ }, id)
    t.match(await posture('r_4'), { state: /^compliant$/, match: 'likely' }, 'another type is not concerned')
  },
)

t.test(
  'a client more than the user has devices is refused, or waits; the newest, and none that is proven',
  async (t) => {
    const fleet = [device('1', { ids: { easDeviceId: ['mail01'] } })]
    const { register, poll, posture, store } = await office(t, { mdm: new ScriptedVendor(fleet) })
    await register('r_old')
    await register('r_new')
    await register('r_elsewhere', { service: 'chat' })
    await poll()
    t.match(await posture('r_old'), { state: /^compliant$/ })
    t.match(await posture('r_new'), { state: 'unmanaged', surplus: 'refused', match: 'likely' })
    t.match(await posture('r_elsewhere'), { state: /^compliant$/ }, 'each service has its own client')
    await register('r_proven', { device: { platform: 'ios', claimedId: 'mail01' } })
    await poll()
    t.match(await posture('r_proven'), { state: /^compliant$/, match: 'exact' })
    t.match(
      await posture('r_old'),
      { state: 'unmanaged', surplus: 'refused' },
      'the one device is the proven one',
    )
    await store.links.approveSurplus('r_old', by)
    await poll()
    t.match(await posture('r_old'), { state: /^compliant$/ }, 'approved by an administrator')
  },
)

t.test('one device in two systems is a conflict when they disagree, and shown when they agree', async (t) => {
  const serial = { serial: 'C02XK0AB' }
  const mdm = new ScriptedVendor([device('1', { ids: { ...serial, easDeviceId: ['abcd'] } })])
  const other = new ScriptedVendor([device('9', { vendor: 'other', ids: serial, user: {} })])
  const { register, poll, posture } = await office(t, { mdm, other })
  await register('r_1', { device: { platform: 'ios', claimedId: 'abcd' } })
  await poll('mdm')
  await poll('other')
  t.match(await posture('r_1'), { state: /^compliant$/, reportedBy: ['mdm', 'other'] })
  other.change('9', { compliance: 'noncompliant', reasons: ['Old iOS'] })
  await poll('other')
  t.match(await posture('r_1'), {
    state: 'conflict',
    vendor: 'other',
    reason: /mdm: compliant; other: noncompliant \(Old iOS\)/,
  })
})

t.test('a grace period lasts until its end, and is shown', async (t) => {
  const until = start + 3_600_000
  const vendor = new ScriptedVendor([device('1', { compliance: 'grace', graceUntil: until })])
  const { register, poll, posture, clock, compliance } = await office(t, { mdm: vendor })
  await register('r_1')
  await poll()
  t.match(await posture('r_1'), { state: /^compliant$/, graceUntil: until })
  clock.now = until + 1
  const stop = new AbortController()
  const running = compliance.run(stop.signal)
  await eventually(async () => (await posture('r_1'))?.state !== 'compliant')
  stop.abort()
  await running
  t.match(await posture('r_1'), { state: 'noncompliant' })
})

t.test('a device that its MDM has not heard of for too long is out of compliance', async (t) => {
  const rules = { grace: 'allow', maxSilence: 86_400_000, surplus: 'refuse', aliases: aliasesOf([]) } as const
  const vendor = new ScriptedVendor([device('1', { lastSeen: start - 90_000_000 })])
  const { register, poll, posture } = await office(t, { mdm: vendor }, { rules })
  await register('r_1')
  await poll()
  t.match(await posture('r_1'), { state: 'noncompliant', reason: /not contacted its MDM since/ })
})

t.test('an administrator links by hand, and takes it back', async (t) => {
  const fleet = [
    device('1'),
    device('2', { compliance: 'noncompliant' }),
    device('3', { user: { name: 'kiosk' } }),
  ]
  const { register, poll, posture, store } = await office(t, { mdm: new ScriptedVendor(fleet) })
  await register('r_1')
  await poll()
  t.match(await posture('r_1'), { state: 'noncompliant', match: 'ambiguous' })
  t.equal(await store.links.link('r_1', { vendor: 'mdm', vendorDeviceId: '3' }, by), true)
  await poll()
  t.match(await posture('r_1'), { state: /^compliant$/, match: 'exact', device: '3' })
  t.equal(await store.links.unlink('r_1', by), true)
  await poll()
  t.match(await posture('r_1'), { state: 'noncompliant', match: 'ambiguous' })
})

t.test('a poll that would block very many is held until somebody confirms it', async (t) => {
  const fleet = Array.from({ length: 30 }, (_, index) =>
    device(String(index), { user: { name: `u${index}` } }),
  )
  const vendor = new ScriptedVendor(fleet)
  const { register, poll, posture, held, confirm } = await office(t, { mdm: vendor })
  for (let index = 0; index < 30; index++) await register(`r_${index}`, { user: `u${index}` })
  await poll()
  vendor.devices = fleet.map((one) => ({ ...one, compliance: 'noncompliant' as const }))
  await poll()
  t.match(await posture('r_1'), { state: /^compliant$/ })
  t.same(held.at(-1), { vendor: 'mdm', held: 30, news: 30 })
  await poll()
  t.same(held.at(-1), { vendor: 'mdm', held: 30, news: 0 }, 'told once')
  t.match(await posture('r_29'), { state: /^compliant$/ })

  t.equal(await confirm(), 30)
  for (const id of ['r_0', 'r_29']) t.match(await posture(id), { state: 'noncompliant' }, id)
  await poll()
  t.same(held.at(-1), { vendor: 'mdm', held: 0, news: 0 })
})

t.test(
  'what is held is dropped when the vendor takes it back; what is left of it then applies',
  async (t) => {
    const fleet = Array.from({ length: 30 }, (_, index) =>
      device(String(index), { user: { name: `u${index}` } }),
    )
    const vendor = new ScriptedVendor(fleet)
    const { register, poll, posture, held } = await office(t, { mdm: vendor })
    for (let index = 0; index < 30; index++) await register(`r_${index}`, { user: `u${index}` })
    await poll()
    vendor.devices = fleet.map((one) => ({ ...one, compliance: 'noncompliant' as const }))
    await poll()
    vendor.devices = fleet.map((one, index) =>
      index === 3 ? { ...one, compliance: 'noncompliant' as const } : one,
    )
    await poll()
    t.same(held.at(-1), { vendor: 'mdm', held: 0, news: 0 })
    t.match(await posture('r_3'), { state: 'noncompliant' })
    t.match(await posture('r_4'), { state: /^compliant$/ })
  },
)

t.test('one by one goes through while a crowd is held; good news are never held', async (t) => {
  const fleet = Array.from({ length: 31 }, (_, index) =>
    device(String(index), { user: { name: `u${index}` } }),
  )
  const vendor = new ScriptedVendor(fleet)
  const { register, poll, posture } = await office(t, { mdm: vendor })
  for (let index = 0; index < 31; index++) await register(`r_${index}`, { user: `u${index}` })
  await poll()
  vendor.devices = fleet.map((one, index) =>
    index < 30 ? { ...one, compliance: 'noncompliant' as const } : one,
  )
  await poll()
  t.match(await posture('r_0'), { state: /^compliant$/ }, 'held')
  vendor.change('30', { compromised: true })
  await poll()
  t.match(await posture('r_30'), { state: 'noncompliant' }, 'alone')
  t.match(await posture('r_0'), { state: /^compliant$/ }, 'still held')
  vendor.devices = fleet
  await poll()
  for (const id of ['r_0', 'r_30']) t.match(await posture(id), { state: /^compliant$/ }, id)
})

t.test('a wiped device’s registrations are kept, blocked or forgotten', async (t) => {
  for (const whenGone of ['keep', 'block', 'forget'] as const)
    await t.test(whenGone, async (t) => {
      const fleet = [device('1'), device('2', { user: { name: 'bob' } })]
      const vendor = new ScriptedVendor(fleet)
      const { register, poll, store } = await office(t, { mdm: vendor }, { whenGone })
      await register('r_1')
      await poll()
      vendor.devices = fleet.slice(1)
      await poll()
      const state = await store.registrations.get('r_1')
      if (whenGone === 'forget') t.equal(state, undefined)
      else t.match(state, { posture: { state: 'unmanaged' } })
      t.equal(state?.block !== undefined, whenGone === 'block')
      await register('r_stranger', { user: 'dora' })
      await poll()
      t.match((await store.registrations.get('r_stranger'))?.block, undefined, 'never had a device')
      t.ok(await store.registrations.get('r_stranger'))
    })
})

t.test('a new registration is matched at once, out of the record', async (t) => {
  const { register, poll, posture, compliance } = await office(t, { mdm: new ScriptedVendor([device('1')]) })
  await poll()
  const stop = new AbortController()
  const running = compliance.run(stop.signal)
  await new Promise((resolve) => setTimeout(resolve, 300))
  await register('r_1')
  await eventually(async () => (await posture('r_1'))?.state === 'compliant')
  stop.abort()
  await running
  t.match(await posture('r_1'), { state: /^compliant$/, match: 'likely' })
})

t.test('a device that changes hands blocks the client of whom it belonged to', async (t) => {
  const vendor = new ScriptedVendor([
    device('1'),
    device('2', { user: { name: 'bob' }, platform: 'android' }),
  ])
  const { register, posture, compliance } = await office(t, { mdm: vendor }, { interval: 100 })
  await register('r_1')
  const stop = new AbortController()
  const running = compliance.run(stop.signal)
  await eventually(async () => (await posture('r_1'))?.state === 'compliant')
  // By then everybody has been matched once, after the first complete sweep: from here on only news lead to a client.
  await new Promise((resolve) => setTimeout(resolve, 500))
  vendor.change('1', { user: { name: 'carol' } })
  await eventually(async () => (await posture('r_1'))?.state === 'unmanaged')
  stop.abort()
  await running
})

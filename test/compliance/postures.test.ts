import t from 'tap'
import { brake, needsCount } from '../../src/compliance/brake.ts'
import { type Household, type PostureRules, posturesOf } from '../../src/compliance/posture.ts'
import { aliasesOf } from '../../src/compliance/user-names.ts'
import type { ManagedDevice } from '../../src/domain/managed-device.ts'
import { type Posture, unknownPosture } from '../../src/domain/posture.ts'
import type { Registration } from '../../src/domain/registration.ts'
import { device, office, ScriptedVendor, start } from './scripted-vendor.ts'

const rules: PostureRules = {
  ...{ aliases: aliasesOf([]), grace: 'allow', maxSilence: undefined, surplus: 'refuse' },
}

function client(id: string, change: Partial<Registration> = {}): Registration {
  return {
    ...{ id, service: 'mail', user: 'ann', binding: 'cookie', device: { platform: 'ios' } },
    ...{ evidence: [], networks: [], rule: 'Wi-Fi', source: '127.20.0.5', registeredAt: start },
    ...change,
  }
}

function judged(
  registrations: readonly Registration[],
  devices: readonly ManagedDevice[],
  change: Partial<Household> & { readonly rules?: Partial<PostureRules> } = {},
): Record<string, Posture> {
  const household = {
    registrations: registrations.map((registration) => ({
      ...{ version: 1, registration, posture: unknownPosture },
    })),
    devices: devices.map((one) => ({ ...one, learntAt: start })),
    ...{ links: new Map(), approved: new Set<string>(), unread: [] },
    ...change,
  }
  return Object.fromEntries(posturesOf(household, { ...rules, ...change.rules }, start))
}

t.test('a surplus client is refused, waits or is let in, as the settings say', async (t) => {
  const clients = [client('r_1'), client('r_2', { registeredAt: start + 1 })]
  const second = (surplus: PostureRules['surplus']) =>
    judged(clients, [device('1')], { rules: { surplus } }).r_2
  t.match(second('refuse'), { state: 'unmanaged', surplus: 'refused' })
  t.match(second('approve'), { state: 'unmanaged', surplus: 'waiting' })
  t.match(second('allow'), { state: /^compliant$/, surplus: undefined })
})

t.test('a device that is on its way out is no place for one more client', async (t) => {
  const clients = [client('r_1'), client('r_2', { registeredAt: start + 1 })]
  const devices = [device('1'), device('2', { management: 'leaving' })]
  t.match(judged(clients, devices).r_2, { state: 'unmanaged', surplus: 'refused' })
  t.match(judged(clients, [device('1'), device('2')]).r_2, { state: /^compliant$/, surplus: undefined })
})

t.test('a linked device is gone only when everybody has been read who might have it', async (t) => {
  const links = new Map([['r_1', { vendor: 'mdm', vendorDeviceId: '3' }]])
  t.match(judged([client('r_1')], [], { links, unread: ['other'] }).r_1, { state: 'unknown' })
  t.match(judged([client('r_1')], [], { links }).r_1, { state: 'unmanaged', reason: /linked to is gone/ })
})

t.test('of two grace periods the one that ends first counts', async (t) => {
  const serial = { serial: 'C02XK0AB' }
  const grace = (vendor: string, graceUntil: number) =>
    device('1', { ...{ vendor, ids: serial, compliance: 'grace', graceUntil } })
  const devices = [grace('mdm', start + 2000), grace('other', start + 1000)]
  const clients = [client('r_1', { deviceIds: serial })]
  t.match(judged(clients, devices).r_1, { state: /^compliant$/, graceUntil: start + 1000 })
})

t.test('a reason is no longer than anybody reads', async (t) => {
  const serial = { serial: 'C02XK0AB' }
  const devices = ['a', 'b', 'c'].map((vendor, index) =>
    device('1', { vendor, ids: serial, compliance: index === 0 ? 'compliant' : 'noncompliant' }),
  )
  const wordy = devices.map((one) => ({ ...one, reasons: ['x'.repeat(2000)] }))
  const { r_1 } = judged([client('r_1', { deviceIds: serial })], wordy)
  t.equal(r_1?.state, 'conflict')
  t.equal(r_1?.reason?.length, 600)
})

t.test('who has proved the DeviceId keeps it, whoever claimed it before', async (t) => {
  const devices = [device('1', { ids: { easDeviceId: ['abcd'] } }), device('2')]
  const claimer = client('r_1', { device: { platform: 'ios', claimedId: 'abcd' } })
  const proven = client('r_2', { registeredAt: start + 1, deviceIds: { easDeviceId: ['abcd'] } })
  t.match(judged([claimer, proven], devices).r_2, { match: 'exact', device: '1' })
})

t.test('the brake counts what was blocked lately, and the share of all that are vouched for', async (t) => {
  const settings = { maxNewlyBlocked: 0.1, atLeast: 20 }
  const ids = (count: number) => Array.from({ length: count }, (_, index) => `r_${index}`)
  const held = (newly: number, recently: number, vouchedFor: number) =>
    brake({ newly: ids(newly), held: [], recently, vouchedFor }, settings).hold.length
  t.equal(held(10, 15, 100), 10, 'a fault that arrives in slices')
  t.equal(held(10, 0, 100), 0, 'few')
  t.equal(held(25, 0, 1000), 0, 'few of very many')
  t.equal(held(21, 10, 300), 0, 'those of lately were vouched for then')
  t.equal(held(22, 10, 300), 22)
  t.equal(needsCount({ newly: ids(5), held: [], recently: 15 }, settings), true)
  t.equal(needsCount({ newly: ids(5), held: ids(15), recently: 0 }, settings), true)
  t.equal(needsCount({ newly: ids(5), held: ids(5), recently: 5 }, settings), false)
})

async function crowd(t: Parameters<typeof office>[0], size: number) {
  const fleet = Array.from({ length: size }, (_, index) =>
    device(String(index), { user: { name: `u${index}` } }),
  )
  const vendor = new ScriptedVendor(fleet)
  const place = await office(t, { mdm: vendor })
  for (let index = 0; index < size; index++) await place.register(`r_${index}`, { user: `u${index}` })
  await place.poll()
  /** Those up to this one are out of compliance. */
  const fail = (upTo: number) => {
    vendor.devices = fleet.map((one, index) =>
      index < upTo ? { ...one, compliance: 'noncompliant' as const } : one,
    )
    return place.poll()
  }
  return { ...place, fail }
}

t.test(
  'a fault that comes in two slices within an hour is held; what comes an hour later is not',
  async (t) => {
    const { fail, posture, clock } = await crowd(t, 50)
    await fail(15)
    t.match(await posture('r_14'), { state: 'noncompliant' })
    await fail(30)
    t.match(await posture('r_29'), { state: /^compliant$/ }, 'the second slice')
    const later = await crowd(t, 50)
    await later.fail(15)
    later.clock.now += 3_600_001
    await later.fail(30)
    t.match(await later.posture('r_29'), { state: 'noncompliant' })
    t.ok(clock.now < later.clock.now)
  },
)

t.test('what the vendor has taken back is held no more: confirming blocks nobody', async (t) => {
  const { fail, store, posture, confirm } = await crowd(t, 30)
  await fail(30)
  t.equal(await store.postures.heldCount('mdm'), 30)
  await fail(0)
  t.equal(await store.postures.heldCount('mdm'), 0)
  t.equal(await confirm(), 0)
  t.match(await posture('r_7'), { state: /^compliant$/ })
})

t.test('who is on the way out is refused for that, and takes nobody’s place', async (t) => {
  const alone = judged([client('r_1')], [device('1', { management: 'leaving' })])
  t.match(alone.r_1, { state: 'unmanaged', device: '1', surplus: undefined, reason: /being wiped/ })
  const phones = [device('1', { osVersion: '17.0', management: 'leaving' }), device('2')]
  const [old, fresh] = [client('r_1'), client('r_2', { registeredAt: start + 1 })]
  const of = (one: Registration, osVersion: string) => ({ ...one, device: { ...one.device, osVersion } })
  const both = judged([of(old, '17.0'), of(fresh, '18.1')], phones)
  t.match(both.r_1, { state: 'unmanaged', device: '1' })
  t.match(both.r_2, { state: /^compliant$/, device: '2', surplus: undefined })
})

t.test('a device that is managed no more, but there, costs no registration until it is gone', async (t) => {
  for (const management of ['unmanaged', 'leaving'] as const) {
    const vendor = new ScriptedVendor([device('1'), device('2', { user: { name: 'bob' } })])
    const { register, poll, posture, store } = await office(t, { mdm: vendor }, { whenGone: 'forget' })
    await register('r_1')
    await poll()
    vendor.change('1', { management })
    await poll()
    t.match(await posture('r_1'), { state: 'unmanaged', device: '1' }, 'it may come back')
    vendor.change('1', { management: 'gone' })
    await poll()
    t.equal(await store.registrations.get('r_1'), undefined, management)
  }
})

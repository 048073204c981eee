import t from 'tap'
import { aliasesOf } from '../../src/compliance/user-names.ts'
import { RecordUnavailable } from '../../src/store/errors.ts'
import { eventually } from '../helpers/eventually.ts'
import { device, office, ScriptedVendor } from './scripted-vendor.ts'

const good = device('13', { modelCode: 'iPhone14,5' })
const jailbroken = device('15', { modelCode: 'iPhone15,4', compromised: true })

t.test('a jailbroken phone that says it is the good one is found out by the good one', async (t) => {
  const { register, poll, posture } = await office(t, { mdm: new ScriptedVendor([good, jailbroken]) })
  const claims = { platform: 'ios', model: 'iPhone14,5', osVersion: '18.1' } as const
  await register('r_good', { device: claims })
  await poll()
  t.match(await posture('r_good'), { state: /^compliant$/, match: 'likely' }, 'alone it is believed')
  await register('r_liar', { device: claims })
  await poll()
  for (const id of ['r_good', 'r_liar'])
    t.match(
      await posture(id),
      { state: 'noncompliant', match: 'ambiguous' },
      'nobody can tell which is which',
    )
})

t.test(
  'a second client that claims the same ActiveSync DeviceId under another name is no second proof',
  async (t) => {
    const phone = device('1', { ids: { easDeviceId: ['abcdef'] } })
    const { register, poll, posture } = await office(
      t,
      { mdm: new ScriptedVendor([phone]) },
      {
        rules: {
          grace: 'allow',
          maxSilence: undefined,
          surplus: 'refuse',
          aliases: aliasesOf([['ann', 'a.smith']]),
        },
      },
    )
    const claimed = { platform: 'ios', claimedId: 'ABCDEF' } as const
    await register('r_1', { device: claimed })
    await register('r_2', { user: 'a.smith', device: claimed })
    await register('r_3', { service: 'calendar', device: claimed })
    await poll()
    t.match(await posture('r_1'), { state: /^compliant$/, match: 'exact' })
    t.match(await posture('r_2'), { state: 'unmanaged', surplus: 'refused' })
    t.match(
      await posture('r_3'),
      { state: /^compliant$/, match: 'exact' },
      'another service has its own client',
    )
  },
)

t.test('somebody else’s DeviceId proves nothing for a phone that nobody manages', async (t) => {
  const { register, poll, posture } = await office(t, {
    mdm: new ScriptedVendor([device('1', { ids: { easDeviceId: ['abcdef'] } })]),
  })
  await register('r_1', { user: 'mallory', device: { platform: 'ios', claimedId: 'ABCDEF' } })
  await poll()
  t.match(await posture('r_1'), { state: 'unmanaged', match: 'none' })
})

t.test('a device that its vendor has heard of in the future falls silent like any other', async (t) => {
  const vendor = new ScriptedVendor([device('1', { lastSeen: Date.UTC(2100, 0, 1) })])
  const { register, poll, posture, clock, compliance } = await office(
    t,
    { mdm: vendor },
    { rules: { grace: 'allow', maxSilence: 86_400_000, surplus: 'refuse', aliases: aliasesOf([]) } },
  )
  await register('r_1')
  await poll()
  t.match(await posture('r_1'), { state: /^compliant$/ })
  clock.now += 2 * 86_400_000
  const stop = new AbortController()
  vendor.breaksAfter = 0
  const running = compliance.run(stop.signal)
  await eventually(async () => (await posture('r_1'))?.state === 'noncompliant')
  stop.abort()
  await running
})

t.test('confirming applies what was shown, and not what comes to be held meanwhile', async (t) => {
  const fleet = Array.from({ length: 40 }, (_, index) =>
    device(`d${index}`, { user: { name: `user-${index}` } }),
  )
  const vendor = new ScriptedVendor(fleet)
  const { register, poll, posture, store, clock, confirm } = await office(t, { mdm: vendor })
  for (let index = 0; index < 40; index++) await register(`r_${index}`, { user: `user-${index}` })
  await poll()
  for (let index = 0; index < 25; index++) vendor.change(`d${index}`, { compliance: 'noncompliant' })
  await poll()
  t.equal(await store.postures.heldCount('mdm'), 25)
  const shownAt = clock.now
  for (let index = 25; index < 35; index++) vendor.change(`d${index}`, { compliance: 'noncompliant' })
  await poll()
  t.equal(await store.postures.heldCount('mdm'), 35)
  t.equal(await confirm('mdm', shownAt), 25)
  t.match(await posture('r_0'), { state: 'noncompliant' })
  t.match(await posture('r_30'), { state: /^compliant$/ }, 'nobody has seen this one')
  t.equal(await store.postures.heldCount('mdm'), 10)
})

t.test('a record that fails between a device’s news and what follows from them is made up for', async (t) => {
  const vendor = new ScriptedVendor([device('1')])
  const { register, store, compliance, posture, errors } = await failingOffice()
  await register('r_1')
  const stop = new AbortController()
  const running = compliance.run(stop.signal)
  await eventually(async () => (await posture('r_1'))?.state === 'compliant')
  let failures = 0
  const set = store.postures.concerning
  store.postures.concerning = async (...query) => {
    if (failures++ === 0) throw new RecordUnavailable('full', 'the disk is full')
    return set(...query)
  }
  vendor.change('1', { compliance: 'noncompliant' })
  await eventually(async () => (await posture('r_1'))?.state === 'noncompliant')
  t.ok(failures > 0)
  t.match(errors[0], { code: 'record' }, 'and is not called the vendor’s fault')
  stop.abort()
  await running

  async function failingOffice() {
    const errors: unknown[] = []
    const made = await office(
      t,
      { mdm: vendor },
      {
        interval: 20,
        now: Date.now,
        events: {
          onPoll: (_name, { error }) => error && errors.push(error),
          onHeld: () => {},
          onError: () => {},
        },
      },
    )
    // The ports are the office's own: one of their methods is replaced.
    return {
      ...made,
      errors,
      store: made.store as {
        postures: { -readonly [K in 'concerning']: typeof made.store.postures.concerning }
      },
    }
  }
})

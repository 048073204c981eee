import type { Test } from 'tap'
import type { ManagedDevice } from '../../../src/domain/managed-device.ts'
import type { Posture } from '../../../src/domain/posture.ts'
import type { StoredDevice, VendorSweep } from '../../../src/store/ports.ts'
import { admin, key, type OpenStore, registration, start } from './values.ts'

function device(id: string, change: Partial<ManagedDevice> = {}): ManagedDevice {
  return {
    vendor: 'mdm',
    vendorDeviceId: id,
    ids: { serial: `SERIAL${id}`, imei: ['35209900176148'] },
    user: { name: 'ann', email: 'ann@example.com' },
    platform: 'ios',
    model: 'iPhone 15',
    osVersion: '18.1',
    management: 'managed',
    compliance: 'grace',
    graceUntil: start + 10,
    compromised: false,
    lastSeen: start,
    reasons: ['No passcode'],
    ...change,
  }
}

function stored(id: string, change: Partial<StoredDevice> = {}): StoredDevice {
  return {
    device: device(id),
    digest: `digest of ${id}`,
    learntAt: start,
    dueAt: start + 10,
    askAgain: false,
    keys: [
      { kind: 'serial', value: `SERIAL${id}` },
      { kind: 'user', value: 'ann' },
    ],
    ...change,
  }
}

const compliant: Posture = {
  state: 'compliant',
  match: 'exact',
  vendor: 'mdm',
  reason: 'in its grace period',
  checkedAt: start,
  device: '1',
  graceUntil: start + 10,
  reportedBy: ['mdm', 'other'],
}

/** What `ManagedDevices`, `VendorSweeps`, `Postures` and `DeviceLinks` promise, whatever the database. */
export function complianceContract(t: Test, open: OpenStore): void {
  t.test('which registrations a device concerns is found by the keys that they share', async (t) => {
    const { managedDevices, postures, registrations } = await open(t)
    await managedDevices.put([stored('1'), stored('2', { keys: [{ kind: 'serial', value: 'S2' }] })])
    await registrations.register(registration('r_1'), [key('k1')], 10)
    await postures.setKeys(new Map([['r_1', [{ kind: 'user', value: 'ann' }]]]))
    t.strictSame(await postures.concerning('mdm', ['1', '2', 'unknown']), ['r_1'])
    t.strictSame(await postures.concerning('mdm', ['2']), [])
    t.strictSame(await postures.concerning('other', ['1']), [])
  })

  t.test('devices that a notification named are announced, and taken once', async (t) => {
    const { links, changes } = await open(t)
    const before = await changes.latest()
    const named = [
      { vendor: 'mdm', vendorDeviceId: '1' },
      { vendor: 'mdm', vendorDeviceId: '2' },
    ]
    await links.requestDevices(named, start)
    await links.requestDevices(named.slice(0, 1), start + 1)
    t.match((await changes.since(before, 10))[0], { kind: 'vendor', subject: 'mdm' })
    const taken = await links.takeDevices(10)
    t.same(new Set(taken.map(({ vendorDeviceId }) => vendorDeviceId)), new Set(['1', '2']))
    t.strictSame(await links.takeDevices(10), [])
  })

  t.test('a managed device is kept as it was reported, and found by its ids and its user', async (t) => {
    const { managedDevices } = await open(t)
    t.strictSame(await managedDevices.put([stored('1'), stored('2', { askAgain: true })]), [])
    const found = await managedDevices.get('mdm', '1')
    t.strictSame(found?.device, device('1'))
    t.same(found?.keys, stored('1').keys)
    const bySerial = await managedDevices.byKeys([{ kind: 'serial', value: 'SERIAL2' }])
    t.strictSame(
      bySerial.map((one) => one.device.vendorDeviceId),
      ['2'],
    )
    const both = await managedDevices.byKeys([
      { kind: 'user', value: 'ann' },
      { kind: 'serial', value: 'SERIAL1' },
      { kind: 'udid', value: 'ann' },
    ])
    t.strictSame(both.map((one) => one.device.vendorDeviceId).sort(), ['1', '2'], 'each once')
    t.equal(await managedDevices.count('mdm'), 2)
    t.equal(await managedDevices.count('other'), 0)
    t.strictSame(await managedDevices.ids('mdm', '1', 10), ['2'])
    t.strictSame(await managedDevices.toAskAgain('mdm', undefined, 10), ['2'])
    const digests = await managedDevices.digests('mdm', ['1', 'unknown'])
    t.strictSame([...digests], [['1', { digest: 'digest of 1', lastSeen: start }]])
    t.strictSame(await managedDevices.vendors(), ['mdm'])
  })

  t.test('a device that is put again says by what it was found before', async (t) => {
    const { managedDevices } = await open(t)
    await managedDevices.put([stored('1')])
    const before = await managedDevices.put([
      stored('1', { keys: [{ kind: 'user', value: 'bob' }], learntAt: start + 5 }),
    ])
    t.same(before, stored('1').keys)
    t.strictSame(await managedDevices.byKeys([{ kind: 'user', value: 'ann' }]), [])
    t.match(await managedDevices.get('mdm', '1'), { learntAt: start + 5 })
    t.same(await managedDevices.remove('mdm', ['1']), [{ kind: 'user', value: 'bob' }])
    t.equal(await managedDevices.get('mdm', '1'), undefined)
  })

  t.test('a device is due once', async (t) => {
    const { managedDevices } = await open(t)
    await managedDevices.put([stored('1')])
    t.strictSame(await managedDevices.takeDue(start + 9, 10), [])
    t.equal((await managedDevices.takeDue(start + 10, 10)).length, 1)
    t.strictSame(await managedDevices.takeDue(start + 10, 10), [])
  })

  t.test('a posture that is set is announced, and audited when its state is another', async (t) => {
    const { registrations, postures, changes, audit } = await open(t)
    await registrations.register(registration('r_1'), [key('a')], 10)
    const before = await changes.latest()
    const by = { name: 'compliance', at: start + 1 }
    const versions = await postures.set(
      [
        { id: 'r_1', posture: compliant },
        { id: 'r_gone', posture: compliant },
      ],
      by,
    )
    t.strictSame(versions, [before + 1])
    const state = await registrations.get('r_1')
    t.strictSame(state?.posture, compliant)
    t.equal(state?.version, before + 1)
    t.match(await audit.list({ limit: 1 }), [
      { action: 'posture.changed', subject: 'r_1', details: { from: 'unknown', to: /^compliant$/ } },
    ])
    await postures.set([{ id: 'r_1', posture: { ...compliant, checkedAt: start + 9 } }], by)
    t.match(
      await audit.list({ limit: 1 }),
      [{ details: { from: 'unknown' } }],
      'the same state is not audited',
    )
    t.match(await postures.countCompliant('mdm', undefined, 10), { count: 1, last: 'r_1' })
    t.match(await postures.countCompliant('other', undefined, 10), { count: 0 })
    t.match(await postures.countCompliant('mdm', 'r_1', 10), { count: 0, last: undefined })
  })

  t.test('registrations are found by the keys that are set for them, until they are forgotten', async (t) => {
    const { registrations, postures } = await open(t)
    await registrations.register(registration('r_1'), [key('a')], 10)
    const keys = [{ kind: 'user' as const, value: 'ann' }]
    await postures.setKeys(
      new Map([
        ['r_1', keys],
        ['r_gone', keys],
      ]),
    )
    t.match(await postures.find({ keys }), [{ registration: { id: 'r_1' } }])
    t.match(await postures.find({ keys, ids: ['r_1'] }), [{ registration: { id: 'r_1' } }])
    t.same([...(await postures.keysOf(['r_1', 'r_gone']))], [['r_1', keys]])
    await postures.setKeys(new Map([['r_1', []]]))
    t.strictSame(await postures.find({ keys }), [])
    await postures.setKeys(new Map([['r_1', keys]]))
    await registrations.forget('r_1', admin)
    t.strictSame(await postures.find({ keys }), [])
    t.strictSame(await postures.page(undefined, 10), [])
  })

  t.test('what is held back is held until it is set, dropped or its registration is gone', async (t) => {
    const { registrations, postures } = await open(t)
    for (const id of ['r_1', 'r_2', 'r_3']) await registrations.register(registration(id), [key(id)], 10)
    const blocks = ['r_1', 'r_2', 'r_3', 'r_gone'].map((id) => ({
      id,
      vendor: 'mdm',
      posture: { ...compliant, state: 'noncompliant' as const },
      gone: id === 'r_2',
      since: start,
    }))
    await postures.hold(blocks)
    t.strictSame(await postures.held('mdm'), blocks.slice(0, 3))
    t.equal(await postures.heldCount('mdm'), 3)
    t.strictSame(await postures.held('mdm', 'r_2'), blocks.slice(2, 3))
    await postures.set([{ id: 'r_1', posture: compliant }], { name: 'compliance', at: start })
    await postures.drop(['r_2'])
    t.strictSame(await postures.held('mdm'), blocks.slice(2, 3))
    await registrations.forget('r_3', admin)
    t.equal(await postures.heldCount('mdm'), 0)
  })

  t.test('a complete sweep is announced, and stays however many fail after it', async (t) => {
    const { sweeps, changes } = await open(t)
    const sweep: VendorSweep = {
      vendor: 'mdm',
      startedAt: start,
      finishedAt: start + 5,
      complete: true,
      counts: { devices: 3, changed: 2, gone: 1, unreadable: 0 },
    }
    const before = await changes.latest()
    await sweeps.add(sweep)
    t.match(await changes.since(before, 10), [{ kind: 'vendor', subject: 'mdm' }])
    for (let count = 1; count <= 60; count++)
      await sweeps.add({
        ...sweep,
        startedAt: start + count,
        complete: false,
        error: { code: 'unreachable', message: 'no answer' },
      })
    t.equal(await changes.latest(), before + 1, 'failures are nothing that gateways have to know')
    t.strictSame([...(await sweeps.lastComplete())], [['mdm', start]])
    const kept = await sweeps.list('mdm', 100)
    t.equal(kept.length, 51)
    t.strictSame(kept.at(-1), sweep)
    t.match(kept[0], { startedAt: start + 60, error: { code: 'unreachable' } })
  })

  t.test('a poll that is asked for is taken once; what an administrator confirms is known', async (t) => {
    const { sweeps, audit } = await open(t)
    await sweeps.requestPoll('mdm', start)
    await sweeps.requestPoll('mdm', start + 1)
    t.strictSame(await sweeps.takePolls(), ['mdm'])
    t.strictSame(await sweeps.takePolls(), [])
    t.equal(await sweeps.confirmedAt('mdm'), undefined)
    await sweeps.confirm('mdm', admin)
    await sweeps.confirm('mdm', { ...admin, at: start + 9 })
    t.equal(await sweeps.confirmedAt('mdm'), start + 9)
    t.match(await audit.list({ limit: 1 }), [{ action: 'vendor.confirmed', subject: 'mdm', why: admin.why }])
  })

  t.test(
    'links by hand and approvals of surplus are announced, audited, and go with their registration',
    async (t) => {
      const { registrations, links, changes, audit } = await open(t)
      await registrations.register(registration('r_1'), [key('a')], 10)
      const before = await changes.latest()
      const to = { vendor: 'mdm', vendorDeviceId: '1' }
      t.equal(await links.link('r_gone', to, admin), false)
      t.equal(await links.link('r_1', to, admin), true)
      t.match(await changes.since(before, 10), [{ kind: 'registration', subject: 'r_1' }])
      t.match(await audit.list({ limit: 1 }), [{ action: 'device.linked', subject: 'r_1' }])
      t.strictSame([...(await links.of(['r_1']))], [['r_1', to]])
      t.strictSame(await links.to([to]), ['r_1'])
      t.strictSame(await links.to([{ vendor: 'other', vendorDeviceId: '1' }]), [])
      t.equal(await links.unlink('r_1', admin), true)
      t.equal(await links.unlink('r_1', admin), false)
      t.equal(await links.approveSurplus('r_1', admin), true)
      t.equal(await links.approveSurplus('r_gone', admin), false)
      t.strictSame([...(await links.approvedAmong(['r_1', 'r_gone']))], ['r_1'])
      await links.requestRefresh('r_1', start)
      await links.requestRefresh('r_1', start + 1)
      await links.requestRefresh('r_gone', start)
      t.strictSame(await links.takeRefreshes(10), ['r_1'])
      t.strictSame(await links.takeRefreshes(10), [])
      await registrations.forget('r_1', admin)
      t.strictSame([...(await links.approvedAmong(['r_1']))], [])
    },
  )
}

import type { Test } from 'tap'
import { sha256OfParts } from '../../../src/lib/hash.ts'
import type { EnrollmentStart, TokenUpdate } from '../../../src/store/enrollment-ports.ts'
import type { Store } from '../../../src/store/ports.ts'
import { certificate } from './certificates.ts'
import { admin, key, type OpenStore, registration, start } from './values.ts'

export function enrollmentStart(id: string, changes: Partial<EnrollmentStart> = {}): EnrollmentStart {
  return {
    id,
    kind: 'device',
    user: 'ann',
    ids: { udid: id, serial: `SERIAL${id}` },
    device: { udid: id, serial: `SERIAL${id}`, platform: 'ios', osVersion: '18.1' },
    identity: { certificate: `certificate of ${id}`, publicKey: `key of ${id}` },
    topic: 'com.apple.mgmt.External.1',
    at: start,
    ...changes,
  }
}

export function tokenUpdate(id: string, changes: Partial<TokenUpdate> = {}): TokenUpdate {
  return {
    id,
    token: Buffer.from('0aff', 'hex'),
    magic: `magic of ${id}`,
    topic: 'com.apple.mgmt.External.1',
    awaitingConfiguration: false,
    at: start + 1,
    ...changes,
  }
}

export async function enroll({ enrollments }: Store, id: string, changes: Partial<EnrollmentStart> = {}) {
  await enrollments.begin(enrollmentStart(id, changes))
  await enrollments.takeToken(tokenUpdate(id))
}

/** What `Enrollments` promises. */
export function enrollmentsContract(t: Test, open: OpenStore): void {
  t.test('a device has two hundred open channels at most', async (t) => {
    const store = await open(t)
    await enroll(store, 'U1')
    const channel = (n: number) =>
      store.enrollments.takeToken({
        ...tokenUpdate(`U1:${n}`),
        channel: { kind: 'user', parent: 'U1', user: undefined },
      })
    for (let n = 0; n < 200; n++) await channel(n)
    t.equal(await channel(200), 'full')
    t.equal(await channel(7), 'refreshed')
  })

  t.test(
    'a device is enrolled by its identity and its first token, each audited and announced',
    async (t) => {
      const { enrollments, audit, changes } = await open(t)
      t.equal(await enrollments.get('U1'), undefined)
      t.equal(await enrollments.begin(enrollmentStart('U1')), 'begun')
      t.match(await enrollments.get('U1'), { state: 'pending', pushable: false, user: 'ann' })
      t.equal(await enrollments.pushTarget('U1'), undefined)
      t.equal(await enrollments.takeToken(tokenUpdate('U1')), 'enrolled')
      t.equal(await enrollments.takeToken(tokenUpdate('U1', { at: start + 9 })), 'refreshed')
      t.strictSame(await enrollments.get('U1'), {
        ...{ id: 'U1', kind: 'device', state: 'enrolled', user: 'ann', pushable: true, unlockable: false },
        ids: { udid: 'U1', serial: 'SERIALU1' },
        device: { udid: 'U1', serial: 'SERIALU1', platform: 'ios', osVersion: '18.1' },
        certificate: 'certificate of U1',
        topic: 'com.apple.mgmt.External.1',
        awaitingConfiguration: false,
        ...{ createdAt: start, authenticatedAt: start, lastSeenAt: start + 9 },
      })
      t.strictSame(await enrollments.pushTarget('U1'), {
        ...{ enrollment: 'U1', token: '0aff', magic: 'magic of U1', topic: 'com.apple.mgmt.External.1' },
        updatedAt: start + 9,
      })
      const events = await audit.list({ subject: 'U1', limit: 9 })
      t.strictSame(
        events.map(({ action }) => action),
        ['enrollment.begun', 'enrollment.enrolled'],
      )
      t.notMatch(JSON.stringify(events), 'magic of')
      t.match(await changes.since(0, 1), [{ kind: 'enrollment', subject: 'U1' }])
      t.equal(await enrollments.takeToken(tokenUpdate('U9')), 'unknown')
    },
  )

  t.test('an identity speaks for one device, for good', async (t) => {
    const { enrollments, audit, changes } = await open(t)
    const { identity } = enrollmentStart('U1')
    await enrollments.begin(enrollmentStart('U1'))
    t.equal(await enrollments.begin(enrollmentStart('U2', { identity })), 'identity-taken')
    t.equal(await enrollments.get('U2'), undefined)
    const renewed = { certificate: 'renewed', publicKey: 'new key' }
    t.equal(await enrollments.repin('U1', renewed, start + 2), 'repinned')
    t.equal((await enrollments.get('U1'))?.certificate, 'renewed')
    const renewal = { action: 'enrollment.renewed', details: { certificate: 'renewed' } }
    t.match((await audit.list({ subject: 'U1', limit: 9 })).at(-1), renewal)
    t.equal((await changes.since(0, 9)).length, 2, 'one when it began, one now')
    t.strictSame(await enrollments.certificatesOf('U1'), ['certificate of U1', 'renewed'])
    await enrollments.begin(enrollmentStart('U2'))
    t.equal(await enrollments.repin('U2', renewed, start + 3), 'identity-taken')
    t.equal(await enrollments.begin(enrollmentStart('U2', { identity })), 'identity-taken', 'an old one too')
    t.strictSame([await enrollments.ownerOf('renewed'), await enrollments.ownerOf('none')], ['U1', undefined])
  })

  t.test(
    'a key is its device’s once it has spoken for it, or came with a profile, as long as both hold',
    async (t) => {
      const store = await open(t)
      const { certificates, enrollments, scepChallenges } = store
      const holder = (serial: string) => enrollments.deviceOfKey(certificate(serial).publicKey)
      const scep = { name: 'scep', at: start }
      const issue = (serial: string, more = {}) =>
        certificates.issue(certificate(serial, { enrollment: 'U1', ...more }), scep)
      const profile = async (hash: string, enrollment: string) => {
        const until = { createdAt: start, expiresAt: start + 1_000_000 }
        await scepChallenges.add({ hash, enrollment, profile: 'com.example.mail', ...until })
        return { challenge: hash, enrollment }
      }
      await issue('A1')
      t.equal(await holder('A1'), undefined, 'it has only asked for it, under a name that it said')
      const { fingerprint, publicKey } = certificate('A1')
      await enrollments.begin(enrollmentStart('U1', { identity: { certificate: fingerprint, publicKey } }))
      t.equal(await holder('A1'), undefined, 'it has not finished')
      await enrollments.takeToken(tokenUpdate('U1'))
      t.equal(await holder('A1'), 'U1')
      await issue('A2')
      t.equal(await holder('A2'), undefined, 'another one under this name')
      await issue('A3', await profile('h1', 'U1'))
      t.equal(await holder('A3'), 'U1', 'that of its mail profile')
      await enrollments.takeToken(
        tokenUpdate('U1:ann', { channel: { kind: 'user', parent: 'U1', user: 'Ann' } }),
      )
      await issue('A4', await profile('h2', 'U1:ann'))
      t.equal(await holder('A4'), 'U1', 'one of its people’s')
      await certificates.revoke('A3', 'keyCompromise', admin)
      t.equal(await holder('A3'), undefined)
      await enrollments.end('U1', 'leaving', admin)
      t.equal(await holder('A1'), undefined)
    },
  )

  t.test(
    'a device that enrolls anew has nothing of before: no token, no inventory, no waiting wipe',
    async (t) => {
      const store = await open(t)
      const { enrollments, mdmCommands } = store
      await enroll(store, 'U1')
      await enrollments.takeToken(tokenUpdate('U1', { unlockToken: Buffer.from('unlock') }))
      await enrollments.setBootstrapToken('U1', Buffer.from('boot'))
      await enrollments.putInventory('U1', { part: 'profiles', values: { list: [] }, at: start })
      await enrollments.takeToken(
        tokenUpdate('U1:ann', { channel: { kind: 'user', parent: 'U1', user: 'Ann' } }),
      )
      await mdmCommands.enqueue(
        { uuid: 'c1', enrollment: 'U1', requestType: 'EraseDevice', payload: Buffer.from('x') },
        admin,
      )
      await mdmCommands.enqueue(
        { uuid: 'c2', enrollment: 'U1:ann', requestType: 'InstallProfile', payload: Buffer.from('x') },
        admin,
      )
      const identity = { certificate: 'next', publicKey: 'next key' }
      t.equal(await enrollments.begin(enrollmentStart('U1', { identity, at: start + 50 })), 'begun')
      t.match(await enrollments.get('U1'), {
        ...{ state: 'pending', pushable: false, unlockable: false, certificate: 'next' },
        ...{ createdAt: start, authenticatedAt: start + 50 },
      })
      t.strictSame(await enrollments.secrets('U1'), {})
      t.strictSame(await enrollments.inventory('U1'), {})
      t.equal((await mdmCommands.get('c1'))?.state, 'cancelled')
      t.equal((await mdmCommands.get('c2'))?.state, 'cancelled', 'nor of its people')
      t.match(await enrollments.get('U1:ann'), { state: 'gone', pushable: false })
      const { user: _, ...nobodys } = enrollmentStart('U1', { at: start + 60 })
      await enrollments.begin({ ...nobodys, accessRights: 8 })
      t.match(
        await enrollments.get('U1'),
        { user: 'ann', accessRights: 8 },
        'whose it was, where nobody says',
      )
      await enrollments.begin(nobodys)
      t.equal((await enrollments.get('U1'))?.accessRights, 8)
    },
  )

  t.test(
    'an unlock token stays until another comes, and secrets open for their own device only',
    async (t) => {
      const store = await open(t)
      const { enrollments } = store
      await enroll(store, 'U1')
      await enroll(store, 'U2')
      await enrollments.takeToken(tokenUpdate('U1', { unlockToken: Buffer.from('unlock') }))
      await enrollments.takeToken(tokenUpdate('U1'))
      await enrollments.setBootstrapToken('U1', Buffer.from('boot'))
      t.strictSame(await enrollments.secrets('U1'), {
        unlockToken: Buffer.from('unlock'),
        bootstrapToken: Buffer.from('boot'),
      })
      t.equal((await enrollments.get('U1'))?.unlockable, true)
      t.strictSame(await enrollments.secrets('U2'), {})
      await enrollments.setBootstrapToken('U1', undefined)
      t.strictSame(await enrollments.secrets('U1'), { unlockToken: Buffer.from('unlock') })
    },
  )

  t.test('a person’s channel needs an enrolled device, and ends with it', async (t) => {
    const store = await open(t)
    const { enrollments, certificates } = store
    const channel = { kind: 'user', parent: 'U1', user: 'Ann' } as const
    t.equal(await enrollments.takeToken(tokenUpdate('U1:ann', { channel })), 'unknown')
    await enroll(store, 'U1')
    t.equal(await enrollments.takeToken(tokenUpdate('U1:ann', { channel })), 'enrolled')
    t.match(await enrollments.get('U1:ann'), {
      ...{ parent: 'U1', kind: /^user$/, certificate: 'certificate of U1', pushable: true },
      device: { channelUser: 'Ann' },
    })
    await enroll(store, 'U2')
    const stolen = { ...channel, parent: 'U2' }
    t.equal(await enrollments.takeToken(tokenUpdate('U1:ann', { channel: stolen })), 'unknown')
    await certificates.issue(certificate('A1', { enrollment: 'U1' }), admin)
    const left = await enrollments.end('U1:ann', 'gone', admin)
    t.strictSame([left?.enrollment.state, left?.blocked, left?.revoked], ['gone', [], []])
    t.equal((await enrollments.get('U1'))?.state, 'enrolled', 'who leaves a device does not end its trust')
    t.equal(await enrollments.takeToken(tokenUpdate('U1:ann', { channel })), 'enrolled')
    await enrollments.repin('U1', { certificate: 'renewed', publicKey: 'new key' }, start + 2)
    t.equal((await enrollments.get('U1:ann'))?.certificate, 'renewed', 'as its device')
    await enrollments.end('U1', 'gone', admin)
    t.match(await enrollments.get('U1:ann'), { state: 'gone', pushable: false })
  })

  t.test('a dead token is retired, unless a newer one has come', async (t) => {
    const store = await open(t)
    const { enrollments } = store
    await enroll(store, 'U1')
    await enrollments.retireToken('U1', 'beef', start + 99)
    t.ok(await enrollments.pushTarget('U1'), 'another token')
    await enrollments.retireToken('U1', '0aff', start)
    t.ok(await enrollments.pushTarget('U1'), 'dead before it was given')
    await enrollments.retireToken('U1', '0aff', start + 99)
    t.equal(await enrollments.pushTarget('U1'), undefined)
    t.match(await enrollments.get('U1'), { state: 'enrolled', pushable: false })
    await enrollments.takeToken(tokenUpdate('U1'))
    t.ok(await enrollments.pushTarget('U1'))
  })

  t.test('a device that checks out: its registrations are blocked, nobody else’s', async (t) => {
    const store = await open(t)
    const { enrollments, registrations, postures, certificates, audit, changes } = store
    const pinned = { fingerprint: 'certificate of U1', publicKey: 'key of U1', enrollment: 'U1' }
    await certificates.issue(certificate('A1', pinned), admin)
    await certificates.issue(certificate('A2', { enrollment: 'U1' }), admin)
    await certificates.issue(certificate('A3', { enrollment: 'U2' }), admin)
    await enroll(store, 'U1', { ids: { udid: 'U1', serial: 'S1', easDeviceId: ['appl1'] } })
    const byKey = (publicKey: string) => key(sha256OfParts('mail', 'certificate', publicKey))
    const claims = (claimedId: string) => ({ device: { claimedId } })
    await registrations.register(registration('r_certificate', { user: 'machine' }), [byKey('key of U1')], 10)
    await registrations.register(registration('r_renewed', { user: 'machine' }), [byKey('key of A2')], 10)
    await registrations.register(registration('r_proven', { deviceIds: { udid: 'U1' } }), [key('b')], 10)
    await registrations.register(
      registration('r_other_user', { user: 'corp\\ann', deviceIds: { serial: 'S1' } }),
      [key('c')],
      10,
    )
    await postures.setKeys(new Map([['r_other_user', [{ kind: 'serial', value: 'S1' }]]]))
    await registrations.register(registration('r_mail', claims('APPL1')), [key('d')], 10)
    await registrations.register(
      registration('r_stranger', { user: 'bob', ...claims('APPL1') }),
      [key('e')],
      10,
    )
    await postures.setKeys(new Map([['r_stranger', [{ kind: 'easDeviceId', value: 'appl1' }]]]))
    await registrations.register(registration('r_else', { deviceIds: { udid: 'U2' } }), [key('f')], 10)
    await registrations.register(registration('r_lost', { deviceIds: { udid: 'U1' } }), [key('g')], 10)
    await registrations.block('r_lost', admin)
    const before = await changes.latest()
    const ended = await enrollments.end('U1', 'gone', { name: 'U1', why: 'checked out', at: start + 70 })
    t.strictSame(ended?.blocked.toSorted(), [
      ...['r_certificate', 'r_mail', 'r_other_user', 'r_proven', 'r_renewed'],
    ])
    t.strictSame(ended?.revoked, ['A1', 'A2'])
    t.match(await certificates.bySerial('A2'), { revoked: { by: 'U1', reason: 'cessationOfOperation' } })
    t.equal((await certificates.bySerial('A3'))?.revoked, undefined)
    for (const id of ended?.blocked ?? []) {
      const why = 'the enrollment of its device ended: checked out'
      t.match(await registrations.get(id), { block: { by: 'U1', why, at: start + 70 } })
    }
    t.equal((await registrations.get('r_stranger'))?.block, undefined)
    t.equal((await registrations.get('r_else'))?.block, undefined)
    t.match(await registrations.get('r_lost'), { block: { by: 'root', why: admin.why } }, 'as it was')
    const since = await changes.since(before, 99)
    t.ok(since.some(({ kind, subject }) => kind === 'enrollment' && subject === 'U1'))
    const told = since.filter(({ kind }) => kind === 'registration')
    t.strictSame(told.map(({ subject }) => subject).toSorted(), ended?.blocked.toSorted())
    t.match(await enrollments.get('U1'), {
      ...{ state: 'gone', pushable: false },
      ended: { at: start + 70, by: 'U1', why: 'checked out' },
    })
    t.match((await audit.list({ subject: 'U1', limit: 1 })).at(-1), {
      action: 'enrollment.ended',
      why: 'checked out',
      details: { state: 'gone' },
    })
    t.strictSame((await enrollments.end('U1', 'gone', admin))?.blocked, [], 'once')
    t.equal((await enrollments.get('U1'))?.ended?.why, 'checked out')
  })

  t.test('of a device whose user nobody knows, every mail app that has its id is blocked', async (t) => {
    const { enrollments, registrations, postures } = await open(t)
    const { user: _, ...nobodys } = enrollmentStart('U1', { ids: { easDeviceId: ['appl1'] } })
    await enrollments.begin(nobodys)
    const mail = registration('r_mail', { device: { claimedId: 'APPL1' } })
    await registrations.register(mail, [key('a')], 10)
    await postures.setKeys(new Map([['r_mail', [{ kind: 'easDeviceId', value: 'appl1' }]]]))
    t.strictSame((await enrollments.end('U1', 'gone', admin))?.blocked, ['r_mail'])
  })

  t.test('who names another’s device as his own, and leaves, does not have that one blocked', async (t) => {
    const store = await open(t)
    const { enrollments, registrations, postures } = store
    const ids = { udid: 'VICTIM01', serial: 'SERIAL01', imei: ['35209900176148'] }
    await enroll(store, 'U1', { ids })
    await registrations.register(registration('r_victim', { user: 'ann', deviceIds: ids }), [key('a')], 10)
    await postures.setKeys(new Map([['r_victim', [{ kind: 'serial', value: 'SERIAL01' }]]]))
    await enroll(store, 'U9', { user: 'mallory', ids })
    t.strictSame((await enrollments.end('U9', 'gone', admin))?.blocked, [])
    t.equal((await registrations.get('r_victim'))?.block, undefined)
    t.strictSame((await enrollments.end('U1', 'gone', admin))?.blocked, ['r_victim'], 'its own device')
  })

  t.test('a removed device is called in once more, and then it is gone; who removed it stays', async (t) => {
    const store = await open(t)
    const { enrollments, changes } = store
    await enroll(store, 'U1')
    const before = await changes.latest()
    t.match(await enrollments.end('U1', 'leaving', admin), { enrollment: { state: 'leaving' } })
    t.match(
      (await changes.since(before, 9)).filter(({ kind }) => kind === 'push-wanted'),
      [{ subject: 'U1' }],
    )
    t.ok(await enrollments.pushTarget('U1'))
    t.equal(await enrollments.takeToken(tokenUpdate('U1')), 'unknown')
    await enrollments.end('U1', 'gone', { name: 'U1', why: 'checked out', at: start + 90 })
    t.match(await enrollments.get('U1'), { state: 'gone', ended: { by: 'root', why: admin.why } })
    t.equal(await enrollments.pushTarget('U1'), undefined)
    t.equal(await enrollments.end('U9', 'gone', admin), undefined)
  })

  t.test('the inventory is kept part by part; what it says of the device is found', async (t) => {
    const store = await open(t)
    const { enrollments } = store
    await enroll(store, 'U1')
    await enrollments.putInventory('U1', {
      ...{ part: 'device-information', values: { DeviceName: 'Ann’s' }, at: start + 5 },
      learnt: { ids: { serial: 'NEW1', easDeviceId: ['appl'] }, device: { name: 'Ann’s' } },
    })
    await enrollments.putInventory('U1', { part: 'profiles', values: { list: [1, null] }, at: start + 6 })
    t.strictSame(await enrollments.inventory('U1'), {
      'device-information': { at: start + 5, values: { DeviceName: 'Ann’s' } },
      profiles: { at: start + 6, values: { list: [1, null] } },
    })
    t.match(await enrollments.withSerial('new-1'), [
      { id: 'U1', ids: { udid: 'U1', serial: 'NEW1' }, device: { name: 'Ann’s', osVersion: '18.1' } },
    ])
    t.strictSame(await enrollments.withSerial('SERIALU1'), [])
  })

  t.test('being seen is written once a minute', async (t) => {
    const store = await open(t)
    const { enrollments } = store
    await enroll(store, 'U1')
    await enrollments.seen('U1', start + 59_000)
    t.equal((await enrollments.get('U1'))?.lastSeenAt, start + 1)
    await enrollments.seen('U1', start + 61_000)
    t.equal((await enrollments.get('U1'))?.lastSeenAt, start + 61_000)
  })

  t.test('enrollments are listed in pages, by state and user', async (t) => {
    const store = await open(t)
    const { enrollments } = store
    for (const id of ['U3', 'U1', 'U2']) await enroll(store, id, id === 'U2' ? { user: 'bob' } : {})
    await enrollments.end('U3', 'gone', admin)
    const ids = async (query: Parameters<typeof enrollments.list>[0]) =>
      (await enrollments.list(query)).map(({ id }) => id)
    t.strictSame(await ids({ limit: 2 }), ['U1', 'U2'])
    t.strictSame(await ids({ limit: 2, after: 'U2' }), ['U3'])
    t.strictSame(await ids({ limit: 9, state: 'gone' }), ['U3'])
    t.strictSame(await ids({ limit: 9, user: 'bob' }), ['U2'])
    t.strictSame(await enrollments.counts(), { pending: 0, enrolled: 2, leaving: 0, gone: 1 })
  })
}

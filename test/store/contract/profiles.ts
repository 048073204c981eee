import type { Test } from 'tap'
import type { DeviceProfile } from '../../../src/store/profile-ports.ts'
import { enroll } from './enrollments.ts'
import { admin, type OpenStore, start } from './values.ts'

export function deviceProfile(changes: Partial<DeviceProfile> = {}): DeviceProfile {
  return {
    ...{ enrollment: 'U1', identifier: 'com.example.mdm.profile.mail', revision: 'R1', action: 'install' },
    ...{ state: 'done', required: false, attempts: 0, at: start },
    ...changes,
  }
}

/** What `DeviceProfiles` and `EnrolledPeople` promise. */
export function profilesContract(t: Test, open: OpenStore): void {
  t.test(
    'what was done last about a profile of a device takes the place of what was done before',
    async (t) => {
      const { deviceProfiles } = await open(t)
      const failed = deviceProfile({
        state: 'failed',
        error: 'no',
        command: 'C1',
        attempts: 2,
        dueAt: start + 9,
      })
      await deviceProfiles.put([failed, deviceProfile({ enrollment: 'U2' })])
      t.strictSame(await deviceProfiles.of(['U1']), [failed])
      t.strictSame(await deviceProfiles.failed(failed.identifier, 5), [failed])
      await deviceProfiles.put([deviceProfile()])
      t.strictSame(await deviceProfiles.of(['U1', 'U2', 'U3']), [
        deviceProfile(),
        deviceProfile({ enrollment: 'U2' }),
      ])
      t.strictSame(await deviceProfiles.counts(), [
        { identifier: failed.identifier, action: 'install', state: 'done', count: 2 },
      ])
      await deviceProfiles.forget('U1', [failed.identifier])
      t.strictSame(await deviceProfiles.of(['U1']), [])
    },
  )

  t.test(
    'profiles are sent again when an administrator says so, which is audited and announced',
    async (t) => {
      const { deviceProfiles, audit, changes } = await open(t)
      const other = deviceProfile({ identifier: 'com.example.mdm.profile.vpn' })
      await deviceProfiles.put([
        deviceProfile(),
        other,
        deviceProfile({ enrollment: 'U2', state: 'sent', command: 'C' }),
      ])
      const before = await changes.latest()
      t.equal(
        await deviceProfiles.again({ identifier: deviceProfile().identifier }, admin),
        1,
        'not what is on its way',
      )
      t.match(await deviceProfiles.of(['U1']), [{ revision: '' }, other])
      t.match(await changes.since(before, 9), [{ kind: 'enrollment', subject: 'U1' }])
      t.match(await audit.list({ limit: 1 }), [
        { action: 'profile.pushed', why: admin.why, details: { profiles: 1 } },
      ])
    },
  )

  t.test(
    'what devices said of their profiles is read for many at once, and nothing else that they said',
    async (t) => {
      const store = await open(t)
      for (const id of ['U1', 'U2', 'U3']) await enroll(store, id)
      const values = { list: [{ PayloadIdentifier: 'com.example.mdm.profile.mail', PayloadUUID: 'R1' }] }
      await store.enrollments.putInventory('U1', { part: 'profiles', values, at: start + 5 })
      await store.enrollments.putInventory('U2', { part: 'security-info', values: { a: 1 }, at: start + 5 })
      t.strictSame(
        await store.deviceProfiles.reported(['U1', 'U2']),
        new Map([['U1', { at: start + 5, values }]]),
      )
    },
  )

  t.test('whoever signs in to enroll is known with the groups of the last time', async (t) => {
    const { enrollmentPasses, enrolledPeople } = await open(t)
    const pass = { kind: 'ota', source: '203.0.113.7', createdAt: start, expiresAt: start + 1000 } as const
    await enrollmentPasses.add({
      ...pass,
      id: 'p_1',
      hash: 'h1',
      user: { name: 'Ann', groups: ['sales'], email: 'ann@example.com' },
    })
    await enrollmentPasses.add({ ...pass, id: 'p_2', hash: 'h2', user: { name: 'ann', groups: ['staff'] } })
    t.strictSame([...(await enrolledPeople.of(['ANN', 'bob']))], [['ann', { groups: ['staff'] }]])
  })

  t.test(
    'other groups of a person are announced for every device of theirs, the same ones are not',
    async (t) => {
      const store = await open(t)
      await enroll(store, 'U1')
      await enroll(store, 'U2')
      await enroll(store, 'U3', { user: 'bob' })
      const signIn = (id: string, groups: readonly string[]) =>
        store.enrollmentPasses.add({
          ...{ id, hash: id, kind: 'ota', source: '203.0.113.7', createdAt: start, expiresAt: start + 1000 },
          user: { name: 'Ann', groups: [...groups] },
        })
      await signIn('p_1', ['sales'])
      const before = await store.changes.latest()
      await signIn('p_2', ['sales'])
      t.strictSame(await store.changes.since(before, 9), [])
      await signIn('p_3', ['staff'])
      t.match(await store.changes.since(before, 9), [
        { kind: 'enrollment', subject: 'U1' },
        { kind: 'enrollment', subject: 'U2' },
      ])
      t.equal(await store.changes.latest(), before + 2)
    },
  )
}

import t from 'tap'
import type { Platform } from '../../../src/domain/client-identity.ts'
import type { Enrollment, EnrollmentKind } from '../../../src/domain/enrollment.ts'
import type { MdmCommand } from '../../../src/domain/mdm-command.ts'
import { isAssigned, isFor } from '../../../src/enrollment/profiles/assignment.ts'
import { afterCommand } from '../../../src/enrollment/profiles/outcome.ts'
import { planProfiles, type Situation } from '../../../src/enrollment/profiles/plan.ts'
import type { Assignment, Profile } from '../../../src/enrollment/profiles/profile.ts'
import { deviceProfile } from '../../store/contract/profiles.ts'
import { start } from '../../store/contract/values.ts'
import { profileYaml, readGood } from './support.ts'

const { identifier } = deviceProfile()
const mail = { identifier, revision: 'R1' }
const hour = 60 * 60_000

function plan(situation: Partial<Situation>) {
  return planProfiles({ wanted: [mail], known: [], reported: undefined, now: start + hour, ...situation })
}

function reported(at: number, ...profiles: readonly (readonly [string, string])[]) {
  return { at, profiles: new Map(profiles) }
}

t.test('what is missing is installed, in the order of the files', async (t) => {
  const vpn = { identifier: 'com.example.mdm.profile.vpn', revision: 'V1' }
  t.strictSame(plan({ wanted: [vpn, mail] }), [
    { kind: 'install', ...vpn, why: 'new' },
    { kind: 'install', ...mail, why: 'new' },
  ])
})

t.test('what is there, or on its way, is left alone', async (t) => {
  t.strictSame(plan({ known: [deviceProfile()] }), [])
  t.strictSame(plan({ known: [deviceProfile({ state: 'sent', command: 'C1' })] }), [])
  t.strictSame(plan({ known: [deviceProfile()], reported: reported(start + 1, [identifier, 'R1']) }), [])
})

t.test('a revision that still waits is called back for the one after it', async (t) => {
  const known = [deviceProfile({ state: 'sent', command: 'C1', revision: 'R0' })]
  t.strictSame(plan({ known }), [{ kind: 'install', ...mail, why: 'changed', cancel: 'C1' }])
})

t.test('what the device has lost, or has in another revision, is mended', async (t) => {
  const known = [deviceProfile()]
  t.strictSame(plan({ known, reported: reported(start + 1) }), [{ kind: 'install', ...mail, why: 'drift' }])
  t.match(plan({ known, reported: reported(start + 1, [identifier, 'R0']) }), [{ why: 'drift' }])
  t.strictSame(plan({ known, reported: reported(start - 1) }), [], 'a list of before says nothing')
})

t.test('what the record has forgotten and the device has is taken as it is', async (t) => {
  t.strictSame(plan({ reported: reported(start, [identifier, 'R1']) }), [{ kind: 'adopt', ...mail }])
  t.match(plan({ reported: reported(start, [identifier, 'R0']) }), [{ kind: 'install', why: 'new' }])
})

t.test('a profile that is assigned no longer is removed, once', async (t) => {
  const away = { wanted: [] }
  t.strictSame(plan({ ...away, known: [deviceProfile()] }), [{ kind: 'remove', identifier }])
  t.strictSame(plan({ ...away, reported: reported(start, [identifier, 'R1']) }), [
    { kind: 'remove', identifier },
  ])
  const sent = deviceProfile({ state: 'sent', command: 'C1' })
  t.strictSame(plan({ ...away, known: [sent] }), [{ kind: 'remove', identifier, cancel: 'C1' }])
  const removing = deviceProfile({ action: 'remove', state: 'sent', command: 'C2' })
  t.strictSame(plan({ ...away, known: [removing] }), [])
  t.strictSame(plan({ ...away, known: [{ ...removing, state: 'done' }] }), [{ kind: 'forget', identifier }])
  t.strictSame(plan({ ...away, known: [deviceProfile()], reported: reported(start + 1) }), [
    { kind: 'forget', identifier },
  ])
})

t.test(
  'a removal that the device refused is tried again later; one that never reached it, never',
  async (t) => {
    const away = { wanted: [] }
    const refused = deviceProfile({
      action: 'remove',
      state: 'failed',
      command: 'C1',
      dueAt: start + 2 * hour,
    })
    t.strictSame(plan({ ...away, known: [refused] }), [])
    t.strictSame(plan({ ...away, known: [refused], now: start + 2 * hour }), [{ kind: 'remove', identifier }])
    const never = deviceProfile({ state: 'failed', dueAt: start })
    t.strictSame(plan({ ...away, known: [never] }), [{ kind: 'forget', identifier }])
    const underWay = deviceProfile({ state: 'sent', command: 'C1' })
    t.strictSame(
      plan({ ...away, known: [underWay], reported: reported(start + 1) }),
      [{ kind: 'remove', identifier, cancel: 'C1' }],
      'it may arrive yet',
    )
  },
)

t.test('a profile that is assigned again while it is removed comes back', async (t) => {
  const removing = deviceProfile({ action: 'remove', state: 'sent', command: 'C2' })
  t.match(plan({ known: [removing] }), [{ kind: 'install', why: 'changed', cancel: 'C2' }])
})

t.test('what failed is tried again later, and at once when the profile changes', async (t) => {
  const failed = deviceProfile({ state: 'failed', dueAt: start + 2 * hour, attempts: 1 })
  t.strictSame(plan({ known: [failed] }), [])
  t.match(plan({ known: [failed], now: start + 2 * hour }), [{ why: 'retry' }])
  t.match(plan({ known: [{ ...failed, revision: 'R0' }] }), [{ why: 'changed' }])
})

t.test('the device’s answer ends what was sent', async (t) => {
  const sent = deviceProfile({ state: 'sent', command: 'C1', at: start - 5 })
  const command = { uuid: 'C1', finishedAt: start, errors: [] } as unknown as MdmCommand // what `afterCommand` reads of it
  t.match(afterCommand(sent, { ...command, state: 'acknowledged' }, start), { state: 'done', at: start })
  const errors = [
    { domain: 'MCInstallationErrorDomain', code: 4001, description: 'Profile installation failed.' },
    { domain: 'MCEASErrorDomain', code: 21003 },
  ]
  t.match(afterCommand(sent, { ...command, state: 'error', errors }, start), {
    state: 'failed',
    error: 'Profile installation failed. (MCInstallationErrorDomain 4001)',
    attempts: 1,
    dueAt: start + hour,
  })
  t.equal(afterCommand(sent, { ...command, state: 'not-now' }, start), sent)
  t.equal(afterCommand(sent, { ...command, state: 'expired' }, start), undefined)
  t.equal(afterCommand(sent, undefined, start), undefined)
  const removal = { ...sent, action: 'remove' } as const
  const gone = [{ domain: 'MCMDMErrorDomain', code: 12_075 }]
  t.match(afterCommand(removal, { ...command, state: 'error', errors: gone }, start), { state: 'done' })
  t.match(afterCommand(sent, { ...command, state: 'error', errors: gone }, start), { state: 'failed' })
  const onMac = [{ domain: 'MDMClientError', code: 89 }]
  t.match(afterCommand(removal, { ...command, state: 'error', errors: onMac }, start), { state: 'done' })
  const waits = [0, 1, 2, 3, 9].map((attempts) => {
    const row = afterCommand({ ...sent, attempts }, { ...command, state: 'error' }, start)
    return ((row?.dueAt ?? 0) - start) / hour
  })
  t.strictSame(waits, [1, 4, 16, 24, 24])
})

t.test('a profile goes to the systems and the channel that take it', async (t) => {
  const assigned = (profile: Profile, kind: EnrollmentKind, platform: Platform) =>
    // The parts of it that count here.
    isAssigned(profile, {
      enrollment: { kind, user: 'ann', device: { platform } } as Enrollment,
      person: undefined,
    })
  const passcode = readGood(t, profileYaml(['passcode: {}']))
  const onMacs = readGood(
    t,
    profileYaml(['passcode: {}']).replace('everyone: true', 'everyone: true, platforms: [macos]'),
  )
  const clip = readGood(
    t,
    profileYaml(['webclip: { label: Help, url: "https://help.example.com/" }', 'passcode: {}']),
  )
  const cases: readonly (readonly [Profile, EnrollmentKind, Platform, boolean])[] = [
    [passcode, 'device', 'ios', true],
    [passcode, 'device', 'ipados', true],
    [passcode, 'user-enrollment', 'ios', true],
    [passcode, 'device', 'macos', true],
    [passcode, 'device', 'other', false],
    [onMacs, 'device', 'ios', false],
    [onMacs, 'device', 'macos', true],
    // A Shared iPad's people are not set up here.
    [passcode, 'user', 'ipados', false],
    [clip, 'user', 'ipados', false],
    // On a Mac, a payload that a person's channel alone takes leads the whole profile there.
    [passcode, 'user', 'macos', false],
    [clip, 'user', 'macos', true],
    [clip, 'user-enrollment-user', 'macos', true],
    [clip, 'device', 'macos', false],
    [clip, 'device', 'ios', true],
  ]
  for (const [profile, kind, platform, expected] of cases)
    t.equal(assigned(profile, kind, platform), expected, `${profile.payloads[0]?.id} ${kind} ${platform}`)
})

t.test('profiles are for users and groups, without regard to case, and exceptions go first', async (t) => {
  const set = (...names: string[]) => new Set(names)
  const nobody: Assignment = {
    everyone: false,
    users: set(),
    groups: set(),
    notUsers: set(),
    notGroups: set(),
    systems: new Set(['ios']),
  }
  t.ok(isFor({ ...nobody, users: set('ann') }, 'Ann', undefined))
  t.ok(isFor({ ...nobody, groups: set('sales') }, 'bob', { groups: ['Sales'] }))
  t.notOk(isFor({ ...nobody, groups: set('sales') }, 'bob', undefined))
  t.ok(isFor({ ...nobody, everyone: true }, undefined, undefined))
  t.notOk(isFor({ ...nobody, everyone: true, notUsers: set('ann') }, 'ann', undefined))
  t.notOk(isFor({ ...nobody, users: set('ann'), notGroups: set('guests') }, 'ann', { groups: ['guests'] }))
})

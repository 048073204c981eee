import type { Test } from 'tap'
import type { NewEnrollmentPass } from '../../../src/store/enrollment-sign-in-ports.ts'
import { admin, type OpenStore, start } from './values.ts'

const alice = { name: 'alice', groups: ['sales'] }
const day = 24 * 60 * 60 * 1000

function code(id: string, expiresAt = start + day) {
  return { id, hash: `hash of ${id}`, user: alice, expiresAt }
}

function pass(id: string, changes: Partial<NewEnrollmentPass> = {}): NewEnrollmentPass {
  return {
    id,
    kind: 'ota',
    hash: `hash of ${id}`,
    user: alice,
    source: '203.0.113.7',
    createdAt: start,
    expiresAt: start + 1000,
    ...changes,
  }
}

/** What `EnrollmentCodes` and `EnrollmentPasses` promise. */
export function enrollmentSignInContract(t: Test, open: OpenStore): void {
  t.test('an enrollment code lets its user in once', async (t) => {
    const { enrollmentCodes, audit } = await open(t)
    t.equal(await enrollmentCodes.create(code('c_1'), admin), 'created')
    const both = await Promise.all([
      enrollmentCodes.redeem('hash of c_1', start + 1),
      enrollmentCodes.redeem('hash of c_1', start + 1),
    ])
    t.equal(both.filter((one) => one !== undefined).length, 1)
    t.match(
      both.find((one) => one !== undefined),
      { id: 'c_1', user: alice, usedAt: start + 1 },
    )
    t.equal(await enrollmentCodes.redeem('hash of c_2', start), undefined)
    t.match(await audit.list({ limit: 9 }), [{ action: 'enrollment.code-created', subject: 'c_1' }])
  })

  t.test('an expired or revoked enrollment code lets nobody in', async (t) => {
    const { enrollmentCodes, audit } = await open(t)
    await enrollmentCodes.create(code('c_1', start + 10), admin)
    await enrollmentCodes.create(code('c_2'), admin)
    t.equal(await enrollmentCodes.redeem('hash of c_1', start + 10), undefined)
    t.match(await enrollmentCodes.revoke('c_2', admin), { revokedAt: admin.at })
    t.equal(await enrollmentCodes.redeem('hash of c_2', start + 1), undefined)
    t.equal(await enrollmentCodes.revoke('c_3', admin), undefined)
    await enrollmentCodes.revoke('c_2', { ...admin, at: start + 5 })
    t.equal((await audit.list({ limit: 9 })).length, 3, 'revoking twice is one event')
    t.strictSame((await enrollmentCodes.list()).map(({ id }) => id).sort(), ['c_1', 'c_2'])
  })

  t.test('a code that was used cannot be taken back, and is listed for a month after its end', async (t) => {
    const { enrollmentCodes, audit } = await open(t)
    await enrollmentCodes.create(code('c_1', start + day), admin)
    await enrollmentCodes.redeem('hash of c_1', start + 1)
    const used = await enrollmentCodes.revoke('c_1', admin)
    t.match([used?.usedAt, used?.revokedAt], [start + 1, undefined])
    t.equal((await audit.list({ limit: 9 })).length, 1, 'nothing has happened')
    const listedAfter = async (days: number) => {
      const later = { ...admin, at: start + days * day }
      await enrollmentCodes.create(code(`c_${days}`, later.at + 100 * day), later)
      return (await enrollmentCodes.list()).map(({ id }) => id)
    }
    t.strictSame(await listedAfter(31), ['c_31', 'c_1'])
    t.strictSame(await listedAfter(32), ['c_32', 'c_31'])
  })

  t.test('a pass belongs to whoever claims it first, who may repeat it', async (t) => {
    const { enrollmentPasses } = await open(t)
    await enrollmentPasses.add(pass('p_1'))
    const attributes = { udid: 'U', verified: true }
    const claim = { kind: 'ota', holder: 'phone', attributes, at: start + 1 } as const
    const claimed = { id: 'p_1', user: alice, attributes, claimedBy: 'phone', claimedAt: start + 1 }
    t.match(await enrollmentPasses.claim('hash of p_1', claim), claimed)
    t.match(await enrollmentPasses.claim('hash of p_1', { ...claim, at: start + 2 }), claimed)
    t.equal(await enrollmentPasses.claim('hash of p_1', { ...claim, holder: 'tablet' }), 'taken')
    t.equal(await enrollmentPasses.claim('hash of p_1', { ...claim, holder: undefined }), 'taken')
    t.equal(await enrollmentPasses.claim('hash of p_1', { ...claim, at: start + 1000 }), 'expired')
    t.equal(await enrollmentPasses.claim('hash of p_1', { ...claim, kind: 'bearer' }), 'unknown')
    t.equal(await enrollmentPasses.claim('hash of p_2', claim), 'unknown')
    t.match(await enrollmentPasses.get('p_1'), claimed)
  })

  t.test('for a day after its end, a pass is told from one that never was', async (t) => {
    const { enrollmentPasses } = await open(t)
    await enrollmentPasses.add(pass('p_1'))
    const claim = { kind: 'ota', holder: 'phone', at: start + 2 * day } as const
    const claimAfter = async (time: number) => {
      await enrollmentPasses.add(pass(`p_${time}`, { createdAt: start + 1000 + time }))
      return enrollmentPasses.claim('hash of p_1', claim)
    }
    t.equal(await claimAfter(day), 'expired')
    t.equal(await claimAfter(day + 1), 'unknown')
  })

  t.test('a pass without a holder is good once', async (t) => {
    const { enrollmentPasses } = await open(t)
    await enrollmentPasses.add(pass('p_1', { kind: 'handover' }))
    const claim = { kind: 'handover', holder: undefined, at: start + 1 } as const
    t.match(await enrollmentPasses.claim('hash of p_1', claim), { user: alice })
    t.equal(await enrollmentPasses.claim('hash of p_1', claim), 'taken')
  })

  t.test('what a sign-in told of its user goes on with the pass', async (t) => {
    const { enrollmentPasses } = await open(t)
    const user = { name: 'Anna', groups: ['sales'], email: 'anna@example.com', fullName: 'Anna Weber' }
    await enrollmentPasses.add(pass('p_1', { kind: 'session', user }))
    t.strictSame((await enrollmentPasses.get('p_1'))?.user, user)
    const claim = { kind: 'session', holder: undefined, at: start + 1 } as const
    t.match(await enrollmentPasses.claim('hash of p_1', claim), { kind: 'session', user })
  })

  t.test('a SCEP challenge that is promised twice at once is the same one', async (t) => {
    const { scepChallenges } = await open(t)
    const challenge = { hash: 'h', enrollment: 'U', user: 'alice', createdAt: start, expiresAt: start + 1000 }
    await Promise.all([scepChallenges.add(challenge), scepChallenges.add(challenge)])
    t.match(await scepChallenges.find('h'), challenge)
  })

  t.test('a pass is finished by one identity, after it was claimed', async (t) => {
    const { enrollmentPasses } = await open(t)
    await enrollmentPasses.add(pass('p_1', { scepChallenge: 'hash of a challenge' }))
    t.match(await enrollmentPasses.ofChallenge('hash of a challenge'), { id: 'p_1' })
    t.equal(await enrollmentPasses.ofChallenge('hash of another'), undefined)
    t.equal(await enrollmentPasses.finish('p_1', 'certificate', start + 1), 'unknown')
    await enrollmentPasses.claim('hash of p_1', { kind: 'ota', holder: 'phone', at: start + 1 })
    t.match(await enrollmentPasses.finish('p_1', 'certificate', start + 2), { finishedAt: start + 2 })
    t.match(await enrollmentPasses.finish('p_1', 'certificate', start + 3), { finishedAt: start + 2 })
    t.equal(await enrollmentPasses.finish('p_1', 'another', start + 3), 'taken')
    t.equal(await enrollmentPasses.finish('p_1', 'certificate', start + 1000), 'expired')
  })
}

import type { Test } from 'tap'
import { type IssuedCertificate, proxiedSerial } from '../../../src/domain/issued-certificate.ts'
import type { Store } from '../../../src/store/ports.ts'
import { certificate } from './certificates.ts'
import { enrollmentStart } from './enrollments.ts'
import { admin, type OpenStore, start } from './values.ts'

const scep = { name: 'scep', at: start }
const soon = { after: 0, before: start + 100, atMost: 10 }

async function issue(
  { certificates }: Store,
  serial: string,
  changes: Partial<IssuedCertificate> = {},
): Promise<IssuedCertificate> {
  const issued = certificate(serial, { user: 'ann', ...changes })
  await certificates.issue(issued, scep)
  return issued
}

function serials(certificates: readonly IssuedCertificate[] | undefined) {
  return certificates?.map(({ serial }) => serial)
}

/** A device of Ann's that has shown this certificate. */
async function enrolled({ enrollments }: Store, id: string, { fingerprint }: IssuedCertificate, at = start) {
  const identity = { certificate: fingerprint, publicKey: `key of ${id}` }
  await enrollments.begin(enrollmentStart(id, { identity, at }))
}

/** What `Certificates` promises of what is revoked together, and of what is revoked because nobody has used it. */
export function revocationsContract(t: Test, open: OpenStore): void {
  t.test('a line of renewals is revoked from any of them, and nothing beside it', async (t) => {
    const store = await open(t)
    const { certificates, audit } = store
    await issue(store, 'A1')
    await issue(store, 'A2', { predecessor: 'A1', issuedAt: start + 1 })
    await issue(store, 'A3', { predecessor: 'A2', issuedAt: start + 2 })
    await issue(store, 'A4', { predecessor: 'A1', issuedAt: start + 3 })
    await issue(store, 'B1')
    await certificates.revoke('A3', 'superseded', admin)
    const line = await certificates.revokeLine('A2', 'keyCompromise', { ...admin, why: 'stolen' })
    t.strictSame(serials(line), ['A1', 'A2', 'A4'])
    t.match(line?.[0]?.revoked, { reason: 'keyCompromise', why: 'stolen' })
    t.match(await certificates.bySerial('A3'), { revoked: { reason: 'superseded' } }, 'as it was')
    t.equal((await certificates.bySerial('B1'))?.revoked, undefined)
    t.strictSame(await certificates.revokeLine('A4', 'unspecified', admin), [])
    t.strictSame(serials(await certificates.line('A3')), ['A1', 'A2', 'A3', 'A4'])
    t.strictSame(await certificates.line('FF'), [])
    t.equal(await certificates.revokeLine('FF', 'unspecified', admin), undefined)
    const events = (await audit.list({ limit: 20 })).filter(({ why }) => why === 'stolen')
    t.strictSame(
      events.map(({ subject }) => subject),
      ['A1', 'A2', 'A4'],
    )
    t.match(await certificates.issue(certificate('A5', { predecessor: 'A4' }), scep), { outcome: 'revoked' })
  })

  t.test('an identity with which no device has enrolled is revoked, with its renewals', async (t) => {
    const store = await open(t)
    const { certificates, audit } = store
    await issue(store, 'A1')
    await issue(store, 'A2', { predecessor: 'A1', issuedAt: start + 90 })
    await issue(store, 'B1', { enrollment: 'p_2', issuedAt: start + 101 })
    await issue(store, 'C1', { enrollment: 'profiles', purpose: 'profiles' })
    t.strictSame(await certificates.revokeUnused({ ...soon, after: start + 95 }, admin), [], 'seen before')
    t.strictSame(serials(await certificates.revokeUnused({ ...soon, before: start }, admin)), ['A1', 'A2'])
    t.strictSame(await certificates.revokeUnused(soon, admin), [])
    t.match(await audit.list({ subject: 'A1', limit: 9 }), [
      { action: 'certificate.issued' },
      { action: 'certificate.revoked', why: admin.why, details: { reason: 'cessationOfOperation' } },
    ])
    for (const serial of ['B1', 'C1']) t.equal((await certificates.bySerial(serial))?.revoked, undefined)
  })

  t.test('what an enrolled device has is not unused, whatever of it was shown', async (t) => {
    const store = await open(t)
    const { certificates, enrollments } = store
    // Over the air: one to prove the device, one to be managed with, which is renewed and not shown yet.
    await issue(store, 'A1', { enrollment: 'U1' })
    await enrolled(store, 'U1', await issue(store, 'A2', { enrollment: 'U1' }))
    await issue(store, 'A3', { enrollment: 'U1', predecessor: 'A2' })
    // Directly: its name is not the device's; managed profiles name the enrollment.
    await enrolled(store, 'U2', await issue(store, 'B1', { enrollment: 'p_1' }))
    await issue(store, 'B2', { enrollment: 'p_1', predecessor: 'B1' })
    await issue(store, 'B3', { enrollment: 'U2', user: 'Ann' })
    t.strictSame(await certificates.revokeUnused(soon, admin), [])
    // Somebody else says that his device were Ann's.
    await issue(store, 'C1', { enrollment: 'U1', user: 'bob' })
    t.strictSame(serials(await certificates.revokeUnused(soon, admin)), ['C1'])
    const ended = await enrollments.end('U2', 'gone', admin)
    t.strictSame(ended?.revoked.toSorted(), ['B1', 'B2', 'B3'], 'and all of it ends with the enrollment')
  })

  t.test('a device that enrolls ends what it got under its name before and has not used', async (t) => {
    const store = await open(t)
    const ofDevice = { enrollment: 'U1' }
    await issue(store, 'A1', ofDevice)
    await issue(store, 'B1', { ...ofDevice, profile: 'wifi' })
    await issue(store, 'C1', { ...ofDevice, user: 'mallory' })
    await enrolled(store, 'U2', await issue(store, 'D1', ofDevice))
    const own = await issue(store, 'A2', { ...ofDevice, issuedAt: start + 1 })
    await issue(store, 'A3', { ...ofDevice, issuedAt: start + 2 })
    await enrolled(store, 'U1', own)
    const revoked = (await store.certificates.list({ limit: 9 })).filter((one) => one.revoked !== undefined)
    t.match(revoked, [{ serial: 'A1', revoked: { reason: 'superseded', by: 'enrollment' } }])
  })

  t.test('a device that has left and fetches an identity anew has not used that one', async (t) => {
    const store = await open(t)
    const { certificates, enrollments } = store
    await enrolled(store, 'U1', await issue(store, 'A1', { enrollment: 'U1' }))
    await enrollments.end('U1', 'gone', { ...admin, at: start + 5 })
    await issue(store, 'A2', { enrollment: 'U1', issuedAt: start + 10 })
    t.strictSame(serials(await certificates.revokeUnused(soon, admin)), ['A2'])
    const anew = await issue(store, 'A3', { enrollment: 'U1', issuedAt: start + 20 })
    await enrolled(store, 'U1', anew, start + 21)
    t.strictSame(await certificates.revokeUnused(soon, admin), [])
  })

  t.test(
    'whose user nobody knows has used what it has; as many are revoked at a time as was said',
    async (t) => {
      const store = await open(t)
      const { certificates, enrollments } = store
      const identity = { certificate: 'of another CA', publicKey: 'key of U1' }
      const { user: _, ...nobodys } = enrollmentStart('U1', { identity })
      await issue(store, 'A1', { enrollment: 'U1' })
      await enrollments.begin(nobodys)
      await enrolled(store, 'U2', await issue(store, 'B1', { enrollment: 'p_1' }))
      await certificates.issue(certificate('B2', { enrollment: 'U2' }), scep)
      t.strictSame(await certificates.revokeUnused(soon, admin), [])
      for (const serial of ['C1', 'C2', 'C3']) await issue(store, serial, { enrollment: serial })
      t.equal((await certificates.revokeUnused({ ...soon, atMost: 2 }, admin)).length, 2)
      t.equal((await certificates.revokeUnused({ ...soon, atMost: 2 }, admin)).length, 1)
    },
  )

  t.test('a key that asked a server behind ends once, with its certificate or its enrollment', async (t) => {
    const { certificates, scepChallenges, proxiedKeys, changes, audit } = await open(t)
    const challenges = ['h1', 'h2', 'h3'] as const
    for (const hash of challenges)
      await scepChallenges.add({ hash, enrollment: 'U1', createdAt: start, expiresAt: start + 10 })
    const at = start
    await proxiedKeys.bind({ publicKey: 'AA', challenge: 'h1', at })
    await proxiedKeys.bind({ publicKey: 'BB', challenge: 'h2', at })
    const shown = certificate(proxiedSerial('AA'), { publicKey: 'AA', enrollment: 'U1' })
    await proxiedKeys.learn(shown, scep)
    await proxiedKeys.learn(shown, scep)
    t.equal((await audit.list({ subject: shown.serial, limit: 9 })).length, 1, 'learnt once')
    const endOf = async (publicKey: string) => (await proxiedKeys.find(publicKey))?.endedAt
    await certificates.revoke(shown.serial, 'keyCompromise', { ...admin, at: start + 5 })
    t.strictSame([await endOf('AA'), await endOf('BB')], [start + 5, undefined])
    const before = await changes.latest()
    await certificates.revokeEnrollment('U1', 'cessationOfOperation', { ...admin, at: start + 7 })
    t.strictSame([await endOf('AA'), await endOf('BB')], [start + 5, start + 7])
    t.strictSame(
      (await changes.since(before, 9)).map(({ kind, subject }) => [kind, subject]),
      [['certificate', proxiedSerial('BB')]],
    )
    t.equal(await proxiedKeys.bind({ publicKey: 'BB', challenge: 'h2', at }), 'ended')
    t.ok(await scepChallenges.find('h1'), 'a challenge that was used is told from an unknown one')
    t.equal(await scepChallenges.find('h3'), undefined)
  })

  t.test('a key that our own CA has issued for asks no server behind in another’s name', async (t) => {
    const store = await open(t)
    const { scepChallenges, proxiedKeys } = store
    await issue(store, 'A1', { publicKey: 'AA' })
    await scepChallenges.add({ hash: 'h', enrollment: 'U1', createdAt: start, expiresAt: start + 10 })
    t.equal(await proxiedKeys.bind({ publicKey: 'AA', challenge: 'h', at: start }), 'key-taken')
    t.equal((await scepChallenges.find('h'))?.usedBy, undefined)
    const late = { publicKey: 'BB', challenge: 'h', at: start + 10 }
    t.equal(await proxiedKeys.bind(late), 'challenge-unknown', 'nor with a challenge that has expired')
    t.equal(await proxiedKeys.bind({ ...late, at: start }), 'bound')
    t.equal(await proxiedKeys.bind({ ...late, challenge: 'h2', at: start }), 'key-taken', 'nor with a second')
  })

  t.test('certificates are listed by user and by enrollment, page after page', async (t) => {
    const store = await open(t)
    const { certificates } = store
    await issue(store, 'A1')
    await issue(store, 'A2', { issuedAt: start + 1 })
    await issue(store, 'B1', { user: 'bob' })
    await issue(store, 'B2', { user: 'bob', enrollment: 'UDID-2', issuedAt: start + 2 })
    t.strictSame(serials(await certificates.list({ limit: 9, user: 'ann' })), ['A2', 'A1'])
    t.strictSame(serials(await certificates.list({ limit: 9, user: 'ann', after: 'A2' })), ['A1'])
    t.strictSame(serials(await certificates.list({ limit: 9, enrollment: 'UDID-1', user: 'bob' })), ['B1'])
    t.strictSame(serials(await certificates.list({ limit: 9, enrollment: 'UDID-2' })), ['B2'])
    await enrolled(store, 'U1', await issue(store, 'C1', { enrollment: 'p_1', issuedAt: start + 3 }))
    await issue(store, 'C2', { enrollment: 'U1', issuedAt: start + 4 })
    const ofDevice = await certificates.list({ limit: 9, enrollment: 'U1' })
    t.strictSame(serials(ofDevice), ['C2', 'C1'], 'also under the name of its enrollment profile')
  })
}

import type { Test } from 'tap'
import type { IssuedCertificate } from '../../../src/domain/issued-certificate.ts'
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
    await issue(store, 'B3', { enrollment: 'U2' })
    t.strictSame(await certificates.revokeUnused(soon, admin), [])
    // Somebody else says that his device were Ann's.
    await issue(store, 'C1', { enrollment: 'U1', user: 'bob' })
    t.strictSame(serials(await certificates.revokeUnused(soon, admin)), ['C1'])
    const ended = await enrollments.end('U2', 'gone', admin)
    t.strictSame(ended?.revoked.toSorted(), ['B1', 'B2', 'B3'], 'and all of it ends with the enrollment')
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

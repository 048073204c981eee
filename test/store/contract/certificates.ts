import type { Test } from 'tap'
import {
  type CertificateAuthority,
  type IssuedCertificate,
  proxiedSerial,
} from '../../../src/domain/issued-certificate.ts'
import { admin, type OpenStore, start } from './values.ts'

const end = start + 1_000_000

export function certificate(serial: string, changes: Partial<IssuedCertificate> = {}): IssuedCertificate {
  return {
    serial,
    authority: 'ca_1',
    purpose: 'device',
    fingerprint: `fingerprint of ${serial}`,
    publicKey: `key of ${serial}`,
    enrollment: 'UDID-1',
    certificate: 'MAA=',
    notBefore: start - 1,
    notAfter: end,
    issuedAt: start,
    ...changes,
  }
}

function authority(id: string, createdAt: number): CertificateAuthority {
  return { id, kind: 'own', certificate: `PEM of ${id}`, chain: '', createdAt }
}

const scep = { name: 'scep', at: start }

/** What `Authorities`, `Certificates` and `ScepChallenges` promise. */
export function certificatesContract(t: Test, open: OpenStore): void {
  t.test('a challenge gives one key its certificate, again and again, and another key none', async (t) => {
    const { certificates, scepChallenges } = await open(t)
    const challenge = {
      hash: 'h',
      enrollment: 'UDID-1',
      user: 'ann',
      createdAt: start,
      expiresAt: start + 10,
    }
    await scepChallenges.add(challenge)
    t.strictSame(await scepChallenges.find('h'), challenge)
    const first = certificate('A1', { challenge: 'h', publicKey: 'k', transaction: 't', user: 'ann' })
    t.strictSame(await certificates.issue(first, scep), { outcome: 'issued', certificate: first })
    const again = certificate('A2', { challenge: 'h', publicKey: 'k' })
    t.strictSame(await certificates.issue(again, { ...scep, at: start + 99 }), {
      outcome: 'issued',
      certificate: first,
    })
    const foreign = certificate('A3', { challenge: 'h', publicKey: 'other' })
    t.strictSame(await certificates.issue(foreign, scep), { outcome: 'challenge-used' })
    t.equal((await scepChallenges.find('h'))?.usedBy, 'k')
    t.strictSame(await certificates.bySerial('A2'), undefined)
    t.strictSame(await certificates.bySerial('A3'), undefined)
    await scepChallenges.add({ ...challenge, hash: 'h2' })
    const second = certificate('A4', { challenge: 'h2', publicKey: 'k' })
    t.match(
      await certificates.issue(second, scep),
      { certificate: { serial: 'A4' } },
      'one for each challenge',
    )
    t.match(await certificates.issue({ ...second, serial: 'A5' }, scep), { certificate: { serial: 'A4' } })
    await certificates.revoke('A1', 'keyCompromise', admin)
    t.strictSame(await certificates.issue(again, scep), { outcome: 'revoked' }, 'not what holds no more')
  })

  t.test(
    'a key that asked a SCEP server behind is its challenge’s, and ends with its enrollment',
    async (t) => {
      const { certificates, scepChallenges, proxiedKeys } = await open(t)
      const ends = { createdAt: start, expiresAt: start + 10 }
      await scepChallenges.add({ hash: 'h', enrollment: 'UDID-1', user: 'ann', ...ends, accessRights: 8191 })
      t.match(await scepChallenges.find('h'), { accessRights: 8191 })
      const at = start
      const outcomes = await Promise.all(
        ['AA', 'BB', 'CC'].map((publicKey) => proxiedKeys.bind({ publicKey, challenge: 'h', at })),
      )
      t.strictSame(outcomes.toSorted(), ['bound', 'challenge-used', 'challenge-used'])
      const publicKey = ['AA', 'BB', 'CC'][outcomes.indexOf('bound')]!
      t.match(await proxiedKeys.find(publicKey), { enrollment: 'UDID-1', user: 'ann', challenge: 'h' })
      const shown = certificate(proxiedSerial(publicKey), { publicKey, challenge: 'h', user: 'ann' })
      await proxiedKeys.learn(shown, scep)
      await proxiedKeys.learn({ ...shown, fingerprint: 'another of this key' }, scep)
      t.match(await certificates.ofEnrollment('UDID-1'), [{ fingerprint: shown.fingerprint }])
      await certificates.revokeEnrollment('UDID-1', 'cessationOfOperation', admin)
      t.ok((await proxiedKeys.find(publicKey))?.endedAt)
      t.ok((await certificates.revokedSerials(end + 1)).includes(proxiedSerial(publicKey)), 'for good')
    },
  )

  t.test('of two keys that use one challenge at the same moment, one gets a certificate', async (t) => {
    const { certificates, scepChallenges } = await open(t)
    await scepChallenges.add({ hash: 'h', enrollment: 'UDID-1', createdAt: start, expiresAt: start + 10 })
    const outcomes = await Promise.all(
      ['A1', 'A2', 'A3'].map((serial) => certificates.issue(certificate(serial, { challenge: 'h' }), scep)),
    )
    t.strictSame(outcomes.map(({ outcome }) => outcome).toSorted(), [
      'challenge-used',
      'challenge-used',
      'issued',
    ])
  })

  t.test('an expired or unknown challenge gives nothing', async (t) => {
    const { certificates, scepChallenges } = await open(t)
    await scepChallenges.add({ hash: 'h', enrollment: 'UDID-1', createdAt: start, expiresAt: start + 10 })
    const issue = (challenge: string, at: number) =>
      certificates.issue(certificate('A1', { challenge }), { name: 'scep', at })
    t.strictSame(await issue('h', start + 10), { outcome: 'challenge-unknown' })
    t.strictSame(await issue('other', start), { outcome: 'challenge-unknown' })
    t.equal(await scepChallenges.find('other'), undefined)
  })

  t.test(
    'a revoked certificate stays revoked, by whom and why it was first; it is announced and audited once',
    async (t) => {
      const { certificates, changes, audit } = await open(t)
      await certificates.issue(certificate('A1'), scep)
      t.strictSame(await certificates.revokedSerials(start), [])
      const revoked = { at: admin.at, by: 'root', why: 'lost in a taxi', reason: 'keyCompromise' } as const
      t.strictSame(await certificates.revoke('A1', 'keyCompromise', admin), certificate('A1', { revoked }))
      t.match(await certificates.revoke('A1', 'superseded', { ...admin, name: 'other' }), { revoked })
      t.equal(await certificates.revoke('B1', 'superseded', admin), undefined)
      t.match(await changes.since(0, 10), [{ kind: 'certificate', subject: 'A1' }])
      t.equal((await changes.since(0, 10)).length, 1)
      const events = (await audit.list({ limit: 10 })).map(({ action, subject, why }) => ({
        action,
        subject,
        why,
      }))
      t.match(events, [
        { action: 'certificate.issued' },
        { action: 'certificate.revoked', subject: 'A1', why: admin.why },
      ])
      t.equal(events.length, 2)
      t.strictSame(await certificates.revokedSerials(end), ['A1'])
      t.strictSame(await certificates.revokedSerials(end + 1), [], 'what has ended needs no list')
      t.match(await certificates.revokedBy('ca_1', start), [{ serial: 'A1' }])
      t.strictSame(await certificates.revokedBy('ca_2', start), [])
    },
  )

  t.test('an enrollment that ends loses all its certificates and its unused challenges', async (t) => {
    const { certificates, scepChallenges } = await open(t)
    await scepChallenges.add({ hash: 'h', enrollment: 'UDID-1', createdAt: start, expiresAt: start + 10 })
    await certificates.issue(certificate('A1'), scep)
    await certificates.issue(certificate('A2', { issuedAt: start + 1 }), scep)
    await certificates.issue(certificate('B1', { enrollment: 'UDID-2' }), scep)
    const revoked = await certificates.revokeEnrollment('UDID-1', 'cessationOfOperation', admin)
    t.strictSame(revoked.map(({ serial }) => serial).toSorted(), ['A1', 'A2'])
    t.strictSame(await certificates.revokeEnrollment('UDID-1', 'unspecified', admin), [])
    t.equal(await scepChallenges.find('h'), undefined)
    t.equal((await certificates.bySerial('B1'))?.revoked, undefined)
  })

  t.test('a certificate that was revoked in the meantime is renewed no more', async (t) => {
    const { certificates } = await open(t)
    await certificates.issue(certificate('A1'), scep)
    const renewed = certificate('A2', { predecessor: 'A1' })
    t.match(await certificates.issue(renewed, scep), { outcome: 'issued' })
    await certificates.revoke('A1', 'superseded', admin)
    t.strictSame(await certificates.issue(certificate('A3', { predecessor: 'A1' }), scep), {
      outcome: 'revoked',
    })
    t.strictSame(await certificates.issue(certificate('A4', { predecessor: 'unknown' }), scep), {
      outcome: 'revoked',
    })
  })

  t.test('those that came with managed profiles are read for many enrollments at once', async (t) => {
    const { certificates } = await open(t)
    const wifi = certificate('A1', { profile: 'com.example.wifi' })
    const renewed = certificate('A2', { profile: 'com.example.wifi', issuedAt: start + 1 })
    const other = certificate('A3', { enrollment: 'UDID-2', profile: 'com.example.vpn' })
    for (const one of [wifi, renewed, other, certificate('A4')]) await certificates.issue(one, scep)
    await certificates.issue(certificate('A5', { enrollment: 'UDID-4', profile: 'p' }), scep)
    const found = await certificates.ofProfiles(['UDID-1', 'UDID-2', 'UDID-3'])
    t.strictSame(
      [...found].toSorted(([a], [b]) => a.localeCompare(b)),
      [
        ['UDID-1', [renewed, wifi]],
        ['UDID-2', [other]],
      ],
    )
  })

  t.test('certificates are found by what names them, newest first', async (t) => {
    const { certificates } = await open(t)
    const old = certificate('A1', { publicKey: 'k', notAfter: start + 10 })
    const young = certificate('A2', { publicKey: 'k', issuedAt: start + 1, purpose: 'profiles' })
    await certificates.issue(old, scep)
    await certificates.issue(young, scep)
    t.strictSame(await certificates.byPublicKey('k'), [young, old])
    t.strictSame(await certificates.ofEnrollment('UDID-1'), [young, old])
    t.strictSame(await certificates.byFingerprint('fingerprint of A1'), old)
    t.strictSame(await certificates.list({ limit: 1 }), [young])
    t.strictSame(await certificates.list({ limit: 9, after: 'A2' }), [old])
    t.strictSame(await certificates.list({ limit: 9, purpose: 'profiles' }), [young])
    t.strictSame(await certificates.list({ limit: 9, endingBefore: start + 11 }), [old])
  })

  t.test(
    'a new authority takes the place of the one it knows of, and the old one is trusted as long as its certificates',
    async (t) => {
      const { authorities, certificates, changes, audit } = await open(t)
      t.strictSame(await authorities.list(), [])
      t.equal(await authorities.add(authority('ca_1', start), undefined, { ...admin, at: start }), true)
      t.equal(await authorities.add(authority('ca_x', start), undefined, admin), false, 'there is one')
      await certificates.issue(certificate('A1'), scep)
      await certificates.issue(certificate('P1', { purpose: 'profiles', notAfter: end + 100 }), scep)
      t.equal(await authorities.add(authority('ca_2', start + 5), 'ca_1', admin), true)
      t.match((await audit.list({ limit: 9 })).at(-1), {
        ...{ action: 'authority.added', actor: 'root', subject: 'ca_2', why: admin.why },
        details: { replaces: 'ca_1' },
      })
      t.equal(
        await authorities.add(authority('ca_3', start + 6), 'ca_1', admin),
        false,
        'it does not issue any more',
      )
      t.strictSame(await authorities.list(), [
        authority('ca_2', start + 5),
        { ...authority('ca_1', start), retiredAt: admin.at },
      ])
      const trusted = async (now: number) => (await authorities.trusted(now)).map(({ id }) => id)
      t.strictSame(await trusted(end), ['ca_2', 'ca_1'])
      t.strictSame(await trusted(end + 1), ['ca_2'], 'nobody is let in with what signs profiles')
      t.match(await changes.since(0, 10), [
        { kind: 'certificate', subject: 'ca_1' },
        { kind: 'certificate', subject: 'ca_2' },
      ])
      t.equal(await authorities.nextCrlNumber('ca_1'), 1)
      t.equal(await authorities.nextCrlNumber('ca_1'), 2)
      t.equal(await authorities.nextCrlNumber('ca_2'), 1)
    },
  )
}

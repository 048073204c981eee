import type { Test } from 'tap'
import { proxiedAuthority, proxiedKeyOf, proxiedSerial } from '../../../src/domain/issued-certificate.ts'
import { sha256OfParts } from '../../../src/lib/hash.ts'
import type { Renewal } from '../../../src/store/renewal-ports.ts'
import { certificate } from './certificates.ts'
import { enroll, tokenUpdate } from './enrollments.ts'
import { admin, type OpenStore, registration, start } from './values.ts'

const scep = { name: 'scep', at: start }

function pinned(serial: string) {
  const { fingerprint, publicKey } = certificate(serial)
  return { identity: { certificate: fingerprint, publicKey } }
}

function renewal(changes: Partial<Renewal> = {}): Renewal {
  return {
    ...{ enrollment: 'U1', serial: 'A1', state: 'sent', command: 'C1', attempts: 0, at: start },
    ...changes,
  }
}

function install(uuid: string, renewal: boolean) {
  return { uuid, enrollment: 'U1', requestType: 'InstallProfile', payload: Buffer.from('x'), renewal }
}

/** What `Renewals` promises, and what else a renewal needs of the record. */
export function renewalsContract(t: Test, open: OpenStore): void {
  t.test(
    'identities that end are found: those of enrolled devices that hold, not of their channels',
    async (t) => {
      const store = await open(t)
      const { certificates, enrollments, renewals } = store
      const ends = { A1: 100, A2: 200, A3: 50, A4: 60, A5: 70 }
      for (const [serial, notAfter] of Object.entries(ends))
        await certificates.issue(
          certificate(serial, { notAfter: start + notAfter, enrollment: serial }),
          scep,
        )
      await enroll(store, 'U1', pinned('A1'))
      await enroll(store, 'U2', pinned('A2'))
      await enroll(store, 'U3', pinned('A3'))
      await enroll(store, 'U4', pinned('A4'))
      await enrollments.takeToken(
        tokenUpdate('U1:ann', { channel: { kind: 'user', parent: 'U1', user: 'Ann' } }),
      )
      await enrollments.end('U3', 'gone', admin)
      const ending = async (before: number, after?: string) =>
        (
          await renewals.ending({ before: start + before, limit: 9, ...(after !== undefined && { after }) })
        ).map(({ enrollment, identity }) => `${enrollment} ${identity.serial}`)
      t.strictSame(await ending(59), [])
      t.strictSame(await ending(100), ['U1 A1', 'U4 A4'])
      t.strictSame(await ending(200, 'U1'), ['U2 A2', 'U4 A4'])
      await certificates.revoke('A4', 'keyCompromise', admin)
      t.strictSame(await ending(100), ['U1 A1'])
      t.equal((await renewals.ending({ before: start + 200, limit: 1 })).length, 1)
    },
  )

  t.test('how far a renewal is stays; its first failure is audited, and no other', async (t) => {
    const { renewals, audit } = await open(t)
    t.equal(await renewals.get('U1'), undefined)
    await renewals.put(renewal())
    await renewals.put(renewal({ enrollment: 'U2' }))
    t.strictSame(await renewals.get('U1'), renewal())
    const failed = renewal({ state: 'failed', attempts: 1, error: 'no network', dueAt: start + 9 })
    await renewals.put(failed)
    await renewals.put({ ...failed, attempts: 2 })
    t.strictSame(await renewals.list({ limit: 9 }), [
      { ...failed, attempts: 2 },
      renewal({ enrollment: 'U2' }),
    ])
    t.strictSame(await renewals.list({ after: 'U1', limit: 9 }), [renewal({ enrollment: 'U2' })])
    t.equal(await renewals.countFailed(), 1)
    t.match(await audit.list({ limit: 9 }), [
      { action: 'enrollment.renewal-failed', subject: 'U1', why: 'no network', details: { serial: 'A1' } },
    ])
    await renewals.forget('U1')
    t.equal(await renewals.countFailed(), 0)
  })

  t.test('of renewals, one waits in a queue at most', async (t) => {
    const store = await open(t)
    const { mdmCommands } = store
    await enroll(store, 'U1')
    t.equal(await mdmCommands.enqueue(install('c0', false), admin), 'queued')
    const outcomes = await Promise.all(
      ['c1', 'c2', 'c3'].map((uuid) => mdmCommands.enqueue(install(uuid, true), admin)),
    )
    t.strictSame(outcomes.toSorted(), ['queued', 'waiting', 'waiting'])
    t.equal(await mdmCommands.enqueue(install('c4', false), admin), 'queued', 'a profile is no renewal')
  })

  t.test('a certificate renews what its challenge was made for, and only while that holds', async (t) => {
    const { certificates, scepChallenges } = await open(t)
    const challenge = { enrollment: 'UDID-1', createdAt: start, expiresAt: start + 10 }
    const origin = { renews: 'A1', managedAppleId: 'ann@example.com' }
    await scepChallenges.add({ ...challenge, hash: 'h', ...origin })
    await scepChallenges.add({ ...challenge, hash: 'h2', ...origin })
    t.match(await scepChallenges.find('h'), origin)
    await certificates.issue(certificate('A1'), scep)
    const { renews: predecessor, managedAppleId } = origin
    const asked = certificate('A2', { challenge: 'h' })
    const made = { ...asked, predecessor, managedAppleId }
    t.strictSame(await certificates.issue(asked, scep), { outcome: 'issued', certificate: made })
    t.strictSame(await certificates.bySerial('A2'), made)
    const itself = certificate('A3', { predecessor: 'A2' })
    t.match(await certificates.issue(itself, scep), { certificate: { managedAppleId } }, 'by its own key')
    await certificates.revoke('A1', 'keyCompromise', admin)
    t.match(await certificates.issue(certificate('A4', { challenge: 'h2' }), scep), { outcome: 'revoked' })
    t.equal(await certificates.bySerial('A4'), undefined)
  })

  t.test(
    'an identity that is shown ends those before it, and unused ones beside it, not those after it',
    async (t) => {
      const store = await open(t)
      const { certificates, enrollments, changes } = store
      const line = [
        certificate('A1'),
        certificate('A2', { predecessor: 'A1', issuedAt: start + 1 }),
        certificate('A3', { predecessor: 'A1', issuedAt: start + 2 }),
        certificate('A4', { predecessor: 'A3', issuedAt: start + 3 }),
        certificate('B1', { profile: 'wifi' }),
      ]
      for (const one of line) await certificates.issue(one, scep)
      await enroll(store, 'UDID-1', pinned('A1'))
      const before = await changes.latest()
      t.equal(await enrollments.repin('UDID-1', pinned('A3').identity, start + 9), 'repinned')
      const revoked = []
      for (const { serial } of line) {
        const reason = (await certificates.bySerial(serial))?.revoked?.reason
        if (reason !== undefined) revoked.push(`${serial} ${reason}`)
      }
      t.strictSame(revoked, ['A1 superseded', 'A2 superseded'])
      const told = (await changes.since(before, 99)).filter(({ kind }) => kind === 'certificate')
      t.strictSame(told.map(({ subject }) => subject).toSorted(), ['A1', 'A2'])
      await certificates.issue(certificate('A5', { predecessor: 'A4', issuedAt: start + 4 }), scep)
      await enrollments.repin('UDID-1', pinned('A5').identity, start + 10)
      for (const serial of ['A3', 'A4'])
        t.ok((await certificates.bySerial(serial))?.revoked, `${serial}, although A4 was never shown`)
    },
  )

  t.test('of a server behind, what came with a profile is known by its key, until that ends', async (t) => {
    const store = await open(t)
    const { certificates, proxiedKeys, scepChallenges, registrations } = store
    const bind = async (publicKey: string, at: number, more: { profile?: string; renews?: string } = {}) => {
      const hash = `for ${publicKey}`
      await scepChallenges.add({ hash, enrollment: 'U1', createdAt: start, expiresAt: start + 1000, ...more })
      return proxiedKeys.bind({ publicKey, challenge: hash, at })
    }
    const identity = certificate(proxiedSerial('AA'), {
      publicKey: 'AA',
      enrollment: 'U1',
      authority: proxiedAuthority,
    })
    const good = { notBefore: start, notAfter: start + 500 }
    await bind('AA', start)
    await bind('BB', start + 10, { profile: 'wifi' })
    t.equal((await certificates.ofProfiles(['U1'])).size, 0, 'nobody knows yet how long they are good')
    await proxiedKeys.learn({ ...identity, ...good }, scep)
    const about = { authority: proxiedAuthority, enrollment: 'U1', profile: 'wifi' }
    const first = {
      serial: proxiedSerial('BB'),
      ...about,
      notBefore: start + 10,
      notAfter: start + 510,
      issuedAt: start + 10,
    }
    await enroll(store, 'U1', { identity: { certificate: identity.fingerprint, publicKey: 'AA' } })
    t.strictSame([...(await certificates.ofProfiles(['U1', 'U2']))], [['U1', [first]]])

    const hash = (publicKey: string) => sha256OfParts('mail', 'certificate', publicKey)
    await registrations.register(registration('r_b'), [{ binding: 'certificate', hash: hash('BB') }], 9)
    await bind('CC', start + 20, { profile: 'wifi', renews: first.serial })
    t.equal((await registrations.findByKeys([hash('CC')], start))?.state.registration.id, 'r_b')
    const found = (await certificates.ofProfiles(['U1'])).get('U1') ?? []
    t.strictSame(found.map(({ predecessor }) => predecessor).toSorted(), [first.serial, undefined])
    const padded = Buffer.alloc(32, 7).fill(0, 0, 2).toString('base64url')
    t.equal(proxiedKeyOf(proxiedSerial(padded)), padded)
    await certificates.revokeEnrollment('U1', 'cessationOfOperation', admin)
    t.equal((await certificates.ofProfiles(['U1'])).size, 0)
  })

  t.test('what a certificate has registered is known by the one that takes its place', async (t) => {
    const { certificates, registrations, audit, changes, scepChallenges, proxiedKeys } = await open(t)
    const key = (serial: string) => ({
      binding: 'certificate' as const,
      hash: sha256OfParts('mail', 'certificate', certificate(serial).publicKey),
    })
    const register = (id: string, serial: string) =>
      registrations.register(registration(id), [key(serial)], 9)
    await certificates.issue(certificate('A1'), scep)
    await certificates.issue(certificate('B1', { profile: 'wifi' }), scep)
    await certificates.issue(certificate('C1', { enrollment: 'UDID-2', profile: 'wifi' }), scep)
    for (const [id, serial] of [
      ['r_a', 'A1'],
      ['r_b', 'B1'],
      ['r_c', 'C1'],
    ] as const)
      await register(id, serial)
    const holder = async (serial: string) =>
      (await registrations.findByKeys([key(serial).hash], start))?.state.registration.id
    const before = await changes.latest()
    await certificates.issue(certificate('A2', { predecessor: 'A1' }), scep)
    t.strictSame([await holder('A1'), await holder('A2')], ['r_a', 'r_a'])
    t.match(
      await changes.since(before, 9),
      [{ kind: 'registration', subject: /^r_a$/ }],
      'gateways hear of it',
    )
    await register('r_d', 'A7')
    await certificates.issue(certificate('A7', { predecessor: 'A2' }), scep)
    t.equal(await holder('A7'), 'r_d', 'what a key has registered by itself stays its own')
    await certificates.issue(certificate('B2', { profile: 'wifi', issuedAt: start + 1 }), scep)
    t.strictSame([await holder('B2'), await holder('C1')], ['r_b', 'r_c'], 'of the same profile and device')
    await certificates.issue(certificate('A3'), scep)
    t.equal(await holder('A3'), undefined, 'a new identity is no renewal')
    await certificates.issue(certificate('B3', { predecessor: 'B2', issuedAt: start + 2 }), scep)
    t.equal((await certificates.bySerial('B3'))?.profile, 'wifi', 'a renewal comes with the same profile')
    for (const serial of ['C1', 'B1', 'B2', 'B3']) await certificates.revoke(serial, 'keyCompromise', admin)
    await certificates.issue(certificate('B4', { profile: 'wifi', issuedAt: start + 3 }), scep)
    t.equal(await holder('B4'), undefined, 'what is revoked hands nothing on')
    const challenge = { hash: 'h', enrollment: 'UDID-1', createdAt: start, expiresAt: start + 10 }
    await scepChallenges.add({ ...challenge, renews: 'A2' })
    await proxiedKeys.bind({ publicKey: certificate('A9').publicKey, challenge: 'h', at: start })
    t.equal(await holder('A9'), 'r_a', 'also a key that asks a server behind')
    t.match(await audit.list({ subject: 'r_a', limit: 1 }), [
      { action: 'registration.keys-added', actor: 'enrollment' },
    ])
  })
}

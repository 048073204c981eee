import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type CertificateRequest, issueCertificate } from '../../../sim/certificates.ts'
import { proxiedSerial } from '../../../src/domain/issued-certificate.ts'
import { publicKeyHash } from '../../../src/enrollment/ca/names.ts'
import { IdentitiesBehind } from '../../../src/enrollment/scep/behind.ts'
import { openSqliteStore } from '../../../src/store/sqlite.ts'

const day = 86_400_000
const by = { name: 'root', why: 'test', at: Date.now() }

/** Keys that have asked the server behind, and its CA. */
async function setUp(t: Test) {
  const store = await openSqliteStore(join(t.testdir(), 'record.db'), { now: Date.now })
  t.teardown(() => store.close())
  const authority = (commonName: string) =>
    issueCertificate({ commonName, use: 'authority', notBefore: Date.now() - day, days: 30 })
  const [ca, other] = await Promise.all([authority('Enterprise CA'), authority('Enterprise CA')])
  const clock = { now: Date.now() }
  const behind = new IdentitiesBehind({
    issuers: [new X509Certificate(ca.certificate)],
    store,
    now: () => clock.now,
  })
  let challenges = 0
  /** A certificate whose key has come by with a challenge of this enrollment, unless there is none. */
  const shown = async (
    enrollment: string | undefined,
    changes: Partial<CertificateRequest> & { readonly at?: number } = {},
  ) => {
    const { at: _, ...request } = changes
    const made = await issueCertificate({
      ...{ commonName: 'whatever', issuer: ca, use: 'client', notBefore: clock.now - day, days: 10 },
      ...request,
    })
    const info = createPublicKey(createPrivateKey(made.key)).export({ type: 'spki', format: 'der' })
    const publicKey = publicKeyHash(info)
    const challenge = `hash ${++challenges}`
    if (enrollment !== undefined) {
      const created = { createdAt: clock.now, expiresAt: clock.now + day }
      await store.scepChallenges.add({ hash: challenge, enrollment, user: 'ann', ...created })
      const bound = await store.proxiedKeys.bind({ publicKey, challenge, at: clock.now })
      if (bound !== 'bound') throw new Error(bound)
    }
    return { certificate: new X509Certificate(made.certificate), publicKey, challenge }
  }
  return { store, behind, shown, clock, other }
}

t.test('a certificate of a key that has come by belongs to the device of its challenge', async (t) => {
  const { store, behind, shown } = await setUp(t)
  const { certificate, publicKey, challenge } = await shown('UDID-1')
  const found = await behind.recordOf(certificate)
  t.match(found, { enrollment: 'UDID-1', user: 'ann', challenge, serial: proxiedSerial(publicKey) })
  t.strictSame(await behind.recordOf(certificate), found, 'and is taken down once')
  t.strictSame(await store.certificates.ofEnrollment('UDID-1'), [found])
  t.match(await store.audit.list({ limit: 10 }), [
    { action: 'certificate.issued', details: { proxied: true } },
  ])
})

t.test('all others of that CA belong to nobody', async (t) => {
  const { behind, shown, clock, other } = await setUp(t)
  const isNone = async (about: string, ...how: Parameters<typeof shown>) =>
    t.equal(await behind.recordOf((await shown(...how)).certificate), undefined, about)
  await isNone('its key has not come by', undefined)
  await isNone('another CA of the same name', 'UDID-2', { issuer: other })
  await isNone('a CA', 'UDID-3', { use: 'authority' })
  await isNone('of a server', 'UDID-4', { use: 'server' })
  await isNone('expired', 'UDID-5', { notBefore: clock.now - 11 * day })
  await isNone('not valid yet', 'UDID-6', { notBefore: clock.now + day })
})

t.test(
  'one that was shown in its time is known when it has expired: it may come for its renewal',
  async (t) => {
    const { behind, shown, clock } = await setUp(t)
    const { certificate } = await shown('UDID-1')
    await behind.recordOf(certificate)
    clock.now += 20 * day
    t.match(await behind.recordOf(certificate), { enrollment: 'UDID-1' })
  },
)

t.test('a key ends with its enrollment, whether its certificate was shown or not', async (t) => {
  const { store, behind, shown, clock } = await setUp(t)
  const [seen, unseen, others] = [await shown('UDID-1'), await shown('UDID-1'), await shown('UDID-2')]
  await behind.recordOf(seen.certificate)
  await store.certificates.revokeEnrollment('UDID-1', 'cessationOfOperation', by)
  t.ok((await behind.recordOf(seen.certificate))?.revoked)
  t.equal(await behind.recordOf(unseen.certificate), undefined)
  t.ok(await behind.recordOf(others.certificate))
  const ended = new Set(await store.certificates.revokedSerials(clock.now + 1000 * day))
  t.strictSame(ended, new Set([seen, unseen].map(({ publicKey }) => proxiedSerial(publicKey))))
})

t.test('a challenge lets one key through, for its time, and that key again', async (t) => {
  const { store, shown, clock } = await setUp(t)
  const { publicKey, challenge } = await shown('UDID-1')
  const { bind } = store.proxiedKeys
  const at = clock.now
  t.equal(await bind({ publicKey, challenge, at: at + 2 * day }), 'bound', 'answers get lost')
  t.equal(await bind({ publicKey: 'other', challenge, at }), 'challenge-used')
  t.equal(await bind({ publicKey: 'other', challenge: 'none', at }), 'challenge-unknown')
  const created = { createdAt: at, expiresAt: at + 10 }
  await store.scepChallenges.add({ hash: 'late', enrollment: 'UDID-2', ...created })
  t.equal(await bind({ publicKey: 'other', challenge: 'late', at: at + 10 }), 'challenge-unknown')
  t.equal(await bind({ publicKey, challenge: 'late', at }), 'key-taken')
  await store.certificates.revokeEnrollment('UDID-1', 'cessationOfOperation', by)
  t.equal(await bind({ publicKey, challenge, at }), 'ended')
})

import { statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { certificate } from '../store/contract/certificates.ts'
import { enrollmentStart } from '../store/contract/enrollments.ts'
import { installation, json, plainSettings } from './support.ts'

const enrollmentSettings = `${plainSettings}
enrollment: { listen: "http://127.0.0.1:0", publicUrl: https://mdm.example.com, organisation: Example Corp, signIn: { codes: true }, ca: { folder: ca } }
apns: { certificate: { file: push.pem } }
`

t.test('a CA is made once, its key for its owner alone; the next one is made by rotating', async (t) => {
  const { here, folder, openStore } = installation(t, { settings: enrollmentSettings })
  const store = await openStore()
  const made = json(await here('enroll', 'ca', 'init', '--bits', '2048', '--json'))
  t.equal(made.key, join(folder, 'ca', `${made.authority.id}.key`))
  t.equal(statSync(made.key).mode & 0o777, 0o600)
  t.match(await here('enroll', 'ca', 'init'), { code: 1, stderr: /There is ca_\w+ already/ })
  t.match(await here('enroll', 'ca', 'rotate'), { code: 2, stderr: /--why is missing/ })
  t.match(await here('enroll', 'ca', 'rotate', '--bits', '1000', '--why', 'x'), {
    code: 2,
    stderr: /2048, 3072, 4096/,
  })
  const next = json(await here('enroll', 'ca', 'rotate', '--bits', '2048', '--why', 'yearly', '--json'))
  t.equal(next.replaces, made.authority.id)
  t.strictSame(
    (await store.authorities.list()).map(({ id }) => id),
    [next.authority.id, made.authority.id],
  )
  t.match(await store.audit.list({ limit: 9 }), [
    { action: 'authority.added', subject: made.authority.id },
    { action: 'authority.added', subject: next.authority.id, why: 'yearly' },
  ])
})

t.test('certificates are listed, shown and revoked by their serial, as other tools write it', async (t) => {
  const { here, openStore } = installation(t, { settings: enrollmentSettings })
  const store = await openStore()
  await store.certificates.issue(certificate('A1B2'), { name: 'scep', at: Date.now() })
  t.match((await here('enroll', 'certificates')).stdout, /A1B2 +UDID-1/)
  t.match((await here('enroll', 'certificates', '--enrollment', 'UDID-2')).stdout, 'No certificates.')
  t.match(await here('enroll', 'certificates', 'FF'), { code: 1, stderr: /no certificate FF/ })
  t.match(await here('enroll', 'revoke', 'A1B2'), { code: 2, stderr: /--why is missing/ })
  t.match(await here('enroll', 'revoke', 'A1B2', '--why', 'x', '--reason', 'boredom'), { code: 2 })
  t.match(await here('enroll', 'revoke', '00:a1:b2', '--why', 'stolen', '--reason', 'keyCompromise'), {
    code: 0,
    stdout: /A1B2 of UDID-1 is revoked/,
  })
  t.match((await here('enroll', 'certificates', 'a1b2')).stdout, /keyCompromise\): stolen/)
  t.match(await here('enroll', 'revoke', 'A1B2', '--why', 'again'), { code: 0, stdout: /already/ })
})

t.test('certificates are listed by user or enrollment, page after page, with their state', async (t) => {
  const { here, openStore } = installation(t, { settings: enrollmentSettings })
  const store = await openStore()
  const at = Date.now()
  const by = { name: 'scep', at }
  const good = { notAfter: at + 60_000 }
  await store.certificates.issue(certificate('A1', { user: 'ann', ...good }), by)
  await store.certificates.issue(certificate('A2', { user: 'ann', issuedAt: at, ...good }), by)
  await store.certificates.issue(certificate('B1', { user: 'bob', enrollment: 'p_1', notAfter: at - 1 }), by)
  await store.enrollments.begin(
    enrollmentStart('U1', { identity: { certificate: 'fingerprint of B1', publicKey: 'key of B1' } }),
  )
  await store.certificates.revoke('A2', 'keyCompromise', { name: 'root', why: 'x', at })
  const first = json(await here('enroll', 'certificates', '--user', 'Ann', '--limit', '1', '--json'))
  t.match(first, { certificates: [{ serial: 'A2', state: 'revoked' }], after: 'A2' })
  const next = json(await here('enroll', 'certificates', '--user', 'ann', '--after', first.after, '--json'))
  t.match(next, { certificates: [{ serial: 'A1', state: 'valid' }] })
  t.notOk(next.after)
  t.match((await here('enroll', 'certificates', '--limit', '1')).stdout, /There may be more: add --after A2/)
  for (const id of ['U1', 'SERIALU1', 'p_1'])
    t.match((await here('enroll', 'certificates', '--enrollment', id)).stdout, /^.*\nB1 .* ended /, id)
  t.match(await here('enroll', 'certificates', '--limit', '1001'), { code: 2, stderr: /at most 1000/ })
})

t.test('a certificate is revoked with its line of renewals, or alone when that is said', async (t) => {
  const { here, openStore } = installation(t, { settings: enrollmentSettings })
  const store = await openStore()
  const at = Date.now()
  const by = { name: 'scep', at }
  const issue = (serial: string, predecessor?: string) =>
    store.certificates.issue(
      certificate(serial, { notAfter: at + 60_000, ...(predecessor !== undefined && { predecessor }) }),
      by,
    )
  await issue('A1')
  await issue('A2', 'A1')
  await issue('A3', 'A2')
  await issue('B1')
  const alone = await here('enroll', 'revoke', 'A2', '--alone', '--why', 'x')
  t.match(alone.stdout, 'Certificate A2 of UDID-1 is revoked.\nStill good, of the same line: A1, A3.')
  const rest = await here('enroll', 'revoke', 'A2', '--why', 'stolen')
  t.match(rest.stdout, 'Certificate A2 had been revoked already.\nSo are those of its line: A1, A3.')
  t.notMatch(rest.stdout, 'Still good')
  t.match(json(await here('enroll', 'revoke', 'B1', '--why', 'x', '--json')), {
    certificate: { serial: 'B1' },
    revoked: ['B1'],
    stillGood: [],
  })
  t.match(await store.audit.list({ subject: 'A3', limit: 9 }), [
    {},
    { action: 'certificate.revoked', why: 'stolen' },
  ])
})

t.test('without enrollment there is no CA to make', async (t) => {
  const { here, openStore } = installation(t)
  await openStore()
  t.match(await here('enroll', 'ca', 'init'), { code: 1, stderr: /have no `enrollment`/ })
})

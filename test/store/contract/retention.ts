import type { Test } from 'tap'
import {
  type IssuedCertificate,
  proxiedAuthority,
  proxiedSerial,
} from '../../../src/domain/issued-certificate.ts'
import { sha256OfParts } from '../../../src/lib/hash.ts'
import type { AppContact, Store, StoredRefusal } from '../../../src/store/ports.ts'
import { admin, type Clock, key, type OpenStore, registration, start } from './values.ts'

/** What `Retention` promises, and `AuditLog.verify` after it. */
export function retentionContract(t: Test, open: OpenStore): void {
  t.test('old audit records are removed in steps, and what stays is a chain that holds', async (t) => {
    const store = await open(t)
    const { audit, retention } = store
    await appendAt(store, [1, 2, 3, 4, 5, 6, 7])
    t.equal(await retention.removeAudit(start + 6, 2), 2)
    t.equal(await audit.verify(), undefined, 'also between two steps')
    t.equal(await retention.removeAudit(start + 6, 2), 2)
    t.equal(await retention.removeAudit(start + 6, 2), 1)
    t.equal(await retention.removeAudit(start + 6, 2), 0)
    const left = await audit.list({ limit: 100 })
    t.match(left, [
      { sequence: 6, at: start + 6 },
      { sequence: 7, at: start + 7 },
      { sequence: 8, action: 'audit.removed', subject: 'audit', details: { through: 5 } },
    ])
    t.equal(left.length, 3, 'and one record tells of it')
    t.equal(await audit.verify(), undefined)
    t.match(await audit.append(event(9)), { sequence: 9, previousHash: left[2]?.hash })
  })

  t.test('where everything is old, the chain begins after it', async (t) => {
    const clock: Clock = { now: start + 100 }
    const store = await open(t, clock)
    await appendAt(store, [1, 2, 3])
    t.equal(await store.retention.removeAudit(start + 50, 10), 3)
    t.match(await store.audit.list({ limit: 10 }), [{ sequence: 4, at: start + 100 }])
    t.equal(await store.audit.verify(), undefined)
    clock.now = start + 200
    await appendAt(store, [201])
    t.equal(
      await store.retention.removeAudit(start + 150, 10),
      1,
      'what told of the removal gets old as well',
    )
    t.strictSame(
      (await store.audit.list({ limit: 10 })).map(({ sequence }) => sequence),
      [5, 6],
    )
    t.equal(await store.audit.verify(), undefined)
  })

  t.test('nothing young is removed, and nothing that follows it', async (t) => {
    const store = await open(t)
    t.equal(await store.retention.removeAudit(start, 10), 0, 'an empty log')
    await appendAt(store, [1, 100, 2])
    t.equal(await store.retention.removeAudit(start + 50, 10), 1, 'a clock was wrong for a while')
    t.equal(await store.retention.removeAudit(start + 50, 10), 0)
    t.equal(await store.audit.verify(), undefined)
  })

  t.test('old refusals are removed in steps', async (t) => {
    const { refusals, retention } = await open(t)
    await refusals.add([refusal('a', 1), refusal('b', 2), refusal('c', 3)], 100)
    t.equal(await retention.removeRefusals(start + 3, 1), 1)
    t.equal(await refusals.get('a'), undefined)
    t.ok(await refusals.get('b'), 'the oldest first')
    t.equal(await retention.removeRefusals(start + 3, 10), 1)
    t.equal(await retention.removeRefusals(start + 3, 10), 0)
    t.ok(await refusals.get('c'))
  })

  t.test('old requests for approval are removed in steps, and their devices may ask again', async (t) => {
    const { approvals, retention } = await open(t)
    const asked = (hash: string, at: number) => ({ ...wish, keys: [key(hash)], at: start + at })
    for (const [index, hash] of ['a', 'b', 'c'].entries()) await approvals.request(asked(hash, index), 100)
    const [, , oldest] = await approvals.list('waiting', 10)
    await approvals.decide(oldest?.id ?? '', 'denied', admin)
    t.equal(await retention.removeApprovals(start + 2, 1), 1)
    t.equal(await approvals.findByKeys(['a']), undefined, 'the denied one, as the oldest')
    t.equal(await retention.removeApprovals(start + 2, 10), 1)
    t.equal(await retention.removeApprovals(start + 2, 10), 0)
    t.match(await approvals.list(undefined, 10), [{ at: start + 2 }])
    t.match(await approvals.request(asked('a', 5), 100), { status: 'waiting' })
  })

  t.test('keys and grants that have ended are removed, others never', async (t) => {
    const clock: Clock = { now: start }
    const { registrations, grants, retention } = await open(t, clock)
    const keys = [key('for good'), key('long', start + 1_000_000), key('ended', start + 10)]
    await registrations.register(registration('r_1'), keys, 10)
    await grants.add([key('g ended', start + 10), key('g long', start + 1_000_000)], 'mail', 'ann')
    t.equal(await retention.removeExpired(start + 10, 100), 0)
    t.equal(await retention.removeExpired(start + 1000, 100), 2)
    t.equal(await retention.removeExpired(start + 1000, 100), 0)
    for (const hash of ['for good', 'long'])
      t.match(await registrations.findByKeys([hash], start), { keyHash: hash })
    t.equal(await registrations.findByKeys(['ended'], start), undefined)
    t.equal(await grants.userOf('g long', start), 'ann')
  })

  t.test('keys at a SCEP server behind go when they ended long ago, with what they opened', async (t) => {
    const store = await open(t)
    const { certificates, proxiedKeys, registrations, retention } = store
    const bind = async (publicKey: string, enrollment: string) => {
      const hash = `for ${publicKey} of ${enrollment}`
      await store.scepChallenges.add({ hash, enrollment, createdAt: start, expiresAt: start + 1000 })
      return proxiedKeys.bind({ publicKey, challenge: hash, at: start })
    }
    for (const publicKey of ['shown', 'unseen', 'later']) await bind(publicKey, 'U1')
    await bind('alive', 'U2')
    const scep = { name: 'scep', at: start }
    const shown = certificate(proxiedSerial('shown'), { publicKey: 'shown', notAfter: start + 100 })
    await proxiedKeys.learn(shown, scep)
    const later = certificate(proxiedSerial('later'), { publicKey: 'later', notAfter: start + 200 })
    await proxiedKeys.learn(later, scep)
    const hashOf = (publicKey: string) => sha256OfParts('mail', 'certificate', publicKey)
    const keys = ['unseen', 'later'].map((one) => ({ binding: 'certificate', hash: hashOf(one) }) as const)
    await registrations.register(registration('r_1'), [...keys, key('cookie')], 10)
    await certificates.revokeEnrollment('U1', 'cessationOfOperation', { ...admin, at: start + 50 })

    t.equal(await retention.removeScepKeys(start + 50, 10), 0, 'not before its time')
    t.equal(await retention.removeScepKeys(start + 100, 10), 1, 'nor while a certificate is good')
    t.equal(await proxiedKeys.find('unseen'), undefined)
    t.equal(await registrations.findByKeys([hashOf('unseen')], start), undefined)
    for (const hash of [hashOf('later'), 'cookie'])
      t.ok(await registrations.findByKeys([hash], start), 'what others have opened stays')
    t.equal(await retention.removeScepKeys(start + 201, 1), 1, 'in steps')
    t.equal(await retention.removeScepKeys(start + 201, 1), 1)
    t.equal(await retention.removeScepKeys(start + 1e12, 1), 0)
    t.match(await proxiedKeys.find('alive'), { enrollment: 'U2' }, 'one that has not ended stays for good')

    t.equal(await bind('shown', 'U2'), 'key-taken', 'a key that was seen speaks for no other device')
    t.equal(
      await proxiedKeys.bind({ publicKey: 'later', challenge: 'for later of U1', at: start }),
      'challenge-used',
    )
    t.equal(await bind('unseen', 'U2'), 'bound', 'as any new key, with a challenge of its own')
  })

  t.test('of the company app’s devices, those go that were not heard of and speak for nobody', async (t) => {
    const store = await open(t)
    for (const [index, id] of ['d_old', 'd_revoked', 'd_used', 'd_new'].entries())
      await store.appDevices.admit(contact(id, start + index))
    await store.registrations.register(registration('r_1', { appDeviceId: 'd_used' }), [key('k')], 10)
    await store.appDevices.revoke('d_revoked', admin)
    t.equal(await store.retention.removeAppDevices(start + 3, 10), 1)
    t.equal(await store.appDevices.findByKey('d_old'), undefined)
    t.ok((await store.appDevices.findByKey('d_revoked'))?.revoked, 'else its key would be a new one')
    t.ok(await store.appDevices.findByKey('d_used'))
    t.ok(await store.appDevices.findByKey('d_new'))
  })
}

function certificate(serial: string, changes: Partial<IssuedCertificate>): IssuedCertificate {
  return {
    ...{ serial, authority: proxiedAuthority, purpose: 'device', fingerprint: `print of ${serial}` },
    ...{ publicKey: 'key', enrollment: 'U1', certificate: 'MIIB', challenge: 'used' },
    ...{ notBefore: start, notAfter: start, issuedAt: start },
    ...changes,
  } as IssuedCertificate // the purpose is text for the compiler in a spread
}

const wish = {
  service: 'mail',
  device: { type: 'iPhone' },
  source: '127.20.0.5',
  rule: 'Contractors',
} as const

function contact(id: string, at: number): AppContact {
  const device = {
    id,
    user: id,
    ids: { udid: id },
    platform: 'ios',
    appVersion: '2.0',
    thumbprint: id,
    publicKey: '{}',
    packageKey: 'p',
  } as const
  return { device, packageKey: 'p', source: '127.20.0.5', at, tickets: [] }
}

function event(at: number) {
  return {
    at: start + at,
    action: 'policy.loaded',
    actor: 'gateway',
    subject: 'digest',
    details: {},
  } as const
}

async function appendAt({ audit }: Store, times: readonly number[]): Promise<void> {
  for (const at of times) await audit.append(event(at))
}

function refusal(reference: string, at: number): StoredRefusal {
  // The cast: what is kept beside reference and time does not matter here.
  return { reference, at: start + at, ...body } as unknown as StoredRefusal
}

const body = {
  facts: { service: 'mail', client: 'browser', method: 'GET', path: '/' },
  explanation: { decision: { verdict: 'refuse', reason: 'device.unregistered' }, networks: [], trace: [] },
  policyDigest: 'd',
}

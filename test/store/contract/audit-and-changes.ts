import type { Test } from 'tap'
import { key, type OpenStore, registration, start } from './values.ts'

/** What `AuditLog` and `Changes` promise. */
export function auditContract(t: Test, open: OpenStore): void {
  t.test('each audit record holds the hash of the one before', async (t) => {
    const { audit } = await open(t)
    const event = { at: start, action: 'policy.loaded', actor: 'gateway', subject: 'digest' } as const
    const first = await audit.append({ ...event, details: { rules: 3, names: ['b', 'a'], b: true } })
    const second = await audit.append({ ...event, why: 'changed', details: {} })
    t.match(first, { sequence: 1, previousHash: '' })
    t.match(second, { sequence: 2, previousHash: first.hash })
    t.strictSame(await audit.list({ limit: 10 }), [first, second])
    t.strictSame(await audit.list({ limit: 1 }), [second], 'without a start, the newest')
    t.strictSame(await audit.list({ limit: 1, after: 0 }), [first])
    t.strictSame(await audit.list({ limit: 10, after: 2 }), [])
    t.strictSame(await audit.list({ limit: 10, subject: 'other' }), [])
    t.equal(await audit.verify(), undefined)
  })

  t.test('an empty audit trail is whole', async (t) => {
    const { audit } = await open(t)
    t.equal(await audit.verify(), undefined)
  })

  t.test('changes come in order and without holes, also of writes at the same moment', async (t) => {
    const { registrations, changes } = await open(t)
    t.equal(await changes.latest(), 0)
    const ids = ['r_1', 'r_2', 'r_3', 'r_4', 'r_5']
    await Promise.all(ids.map((id) => registrations.register(registration(id), [key(id)], 10)))
    const all = await changes.since(0, 100)
    t.strictSame(
      all.map((change) => change.sequence),
      [1, 2, 3, 4, 5],
    )
    t.strictSame(all.map((change) => change.subject).sort(), ids)
    t.strictSame(await changes.since(2, 2), all.slice(2, 4))
    t.equal(await changes.latest(), 5)
  })
}

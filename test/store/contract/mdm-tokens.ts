import type { Test } from 'tap'
import type { NewMdmToken } from '../../../src/store/ports.ts'
import { contact } from './app-devices.ts'
import { admin, type Clock, key, type OpenStore, registration, start } from './values.ts'

function token(id: string, changes: Partial<NewMdmToken> = {}): NewMdmToken {
  return { id, hash: `hash of ${id}`, origin: 'generated', ...changes }
}

/** What `MdmTokens` promises, and what registrations promise of the token that they rest on. */
export function mdmTokensContract(t: Test, open: OpenStore): void {
  t.test(
    'several tokens are active at once, newest first; each change is audited and announced',
    async (t) => {
      const { mdmTokens, audit, changes } = await open(t)
      const by = { name: 'root', at: start }
      t.equal(await mdmTokens.create(token('t_1', { label: 'old', expiresAt: start + 10 }), by), 'created')
      t.equal(await mdmTokens.create(token('t_2', { origin: 'typed' }), { ...by, at: start + 1 }), 'created')
      t.strictSame(await mdmTokens.list(), [
        {
          ...{ id: 't_2', origin: 'typed', createdAt: start + 1, createdBy: 'root', uses: 0 },
          ...{ hash: 'hash of t_2', registrations: 0 },
        },
        {
          ...{ id: 't_1', origin: 'generated', createdAt: start, createdBy: 'root', uses: 0 },
          ...{ label: 'old', expiresAt: start + 10, hash: 'hash of t_1', registrations: 0 },
        },
      ])
      t.match(await changes.since(0, 10), [
        { kind: 'mdm-token', subject: 't_1' },
        { kind: 'mdm-token', subject: 't_2' },
      ])
      const events = await audit.list({ limit: 10 })
      t.match(events, [
        {
          action: 'token.created',
          subject: 't_1',
          actor: 'root',
          details: { label: 'old', origin: 'generated' },
        },
        { action: 'token.created', subject: 't_2' },
      ])
      t.notMatch(JSON.stringify(events), 'hash of', 'the hash is in no event')
    },
  )

  t.test('a token is there once, revoked or not', async (t) => {
    const { mdmTokens } = await open(t)
    const create = (id: string) => mdmTokens.create(token(id, { hash: 'same' }), admin)
    const outcomes = await Promise.all([create('t_1'), create('t_2'), create('t_3')])
    t.strictSame(outcomes.toSorted(), ['created', 'taken', 'taken'])
    const [only] = await mdmTokens.list()
    await mdmTokens.revoke(only?.id ?? '', admin)
    t.equal(await create('t_4'), 'taken')
  })

  t.test('a revoked token stays revoked, by whom and why it was first', async (t) => {
    const { mdmTokens, changes } = await open(t)
    await mdmTokens.create(token('t_1'), admin)
    const revoked = { at: admin.at, by: 'root', why: 'lost in a taxi' }
    t.match(await mdmTokens.revoke('t_1', admin), { id: 't_1', revoked })
    const announced = await changes.latest()
    t.match(await mdmTokens.revoke('t_1', { name: 'eve', why: 'again', at: start + 99 }), { revoked })
    t.equal(await changes.latest(), announced)
    t.equal(await mdmTokens.revoke('t_9', admin), undefined)
  })

  t.test('uses add up, and the last one stays the last', async (t) => {
    const { mdmTokens, changes } = await open(t)
    await mdmTokens.create(token('t_1'), admin)
    const announced = await changes.latest()
    await Promise.all([
      mdmTokens.used([{ id: 't_1', uses: 2, lastUsedAt: start + 20 }]),
      mdmTokens.used([
        { id: 't_1', uses: 3, lastUsedAt: start + 10 },
        { id: 't_9', uses: 1, lastUsedAt: start },
      ]),
    ])
    t.match(await mdmTokens.list(), [{ uses: 5, lastUsedAt: start + 20 }])
    t.equal(await changes.latest(), announced, 'nobody has to look anew')
  })

  t.test('a registration remembers the token that it rests on, until another takes its place', async (t) => {
    const { mdmTokens, registrations, changes } = await open(t)
    await mdmTokens.create(token('t_1'), admin)
    await mdmTokens.create(token('t_2'), admin)
    const resting = registration('r_1', { evidence: ['mdm-token'], mdmTokenId: 't_1' })
    t.match(await registrations.register(resting, [key('a')], 10), { state: { registration: resting } })
    await registrations.register(registration('r_2'), [key('b')], 10)
    t.strictSame((await registrations.get('r_1'))?.registration, resting)
    t.match(await mdmTokens.list(), [{ registrations: 0 }, { id: 't_1', registrations: 1 }])
    const before = await registrations.get('r_1')
    await mdmTokens.remember('r_1', 't_2')
    const after = await registrations.get('r_1')
    t.equal(after?.registration.mdmTokenId, 't_2')
    t.ok((after?.version ?? 0) > (before?.version ?? 0), 'copies of the old state count no more')
    t.match((await changes.since(0, 99)).at(-1), { kind: 'registration', subject: 'r_1' })
    const announced = await changes.latest()
    await mdmTokens.remember('r_1', 't_2')
    await mdmTokens.remember('r_1', 't_9')
    await mdmTokens.remember('r_9', 't_1')
    t.equal((await registrations.get('r_1'))?.registration.mdmTokenId, 't_2')
    t.equal(await changes.latest(), announced)
  })

  t.test('what was bound by the company app rests on the token that the app showed last', async (t) => {
    const { mdmTokens, registrations, appDevices } = await open(t)
    for (const id of ['t_1', 't_2']) await mdmTokens.create(token(id), admin)
    const first = contact('d_1')
    const withToken = (mdmTokenId: string) => ({ ...first, device: { ...first.device, mdmTokenId } })
    await appDevices.admit(withToken('t_1'))
    const bound = { appDeviceId: 'd_1', mdmTokenId: 't_1' }
    await registrations.register(registration('r_1', bound), [key('a')], 10)
    await registrations.register(registration('r_2', { appDeviceId: 'd_1' }), [key('b')], 10)
    await registrations.register(registration('r_3', { mdmTokenId: 't_1' }), [key('c')], 10)
    await appDevices.admit(withToken('t_2'))
    const rests = async (id: string) => (await registrations.get(id))?.registration.mdmTokenId
    t.strictSame([await rests('r_1'), await rests('r_2'), await rests('r_3')], ['t_2', undefined, 't_1'])
  })

  t.test('a token that ends while the upstream answers registers nobody', async (t) => {
    const clock: Clock = { now: start }
    const { mdmTokens, registrations } = await open(t, clock)
    await mdmTokens.create(token('t_1', { expiresAt: start + 10 }), admin)
    await mdmTokens.create(token('t_2'), admin)
    await mdmTokens.revoke('t_2', admin)
    clock.now = start + 10
    for (const [index, mdmTokenId] of ['t_1', 't_2', 't_9'].entries()) {
      const outcome = await registrations.register(registration('r_1', { mdmTokenId }), [key(`${index}`)], 10)
      t.strictSame(outcome, { outcome: 'token-inactive' }, mdmTokenId)
    }
    t.strictSame(await registrations.list({ limit: 10 }), [])
  })
}

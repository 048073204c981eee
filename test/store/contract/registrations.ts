import type { Test } from 'tap'
import { unknownPosture } from '../../../src/domain/posture.ts'
import { admin, key, type OpenStore, registration, start } from './values.ts'

/** What `RegistrationReader` and `RegistrationWriter` promise, whatever the database. */
export function registrationsContract(t: Test, open: OpenStore): void {
  t.test('a registered client is found by each of its keys, by the first that is known', async (t) => {
    const { registrations } = await open(t)
    const ann = registration('r_1')
    const outcome = await registrations.register(ann, [key('a'), key('b', start + 10)], 10)
    t.match(outcome, { outcome: 'registered', state: { registration: ann, posture: unknownPosture } })
    const byLater = await registrations.findByKeys(['unknown', 'b', 'a'], start)
    t.match(byLater, { keyHash: 'b', keyExpiresAt: start + 10, state: { registration: ann } })
    const byFirst = await registrations.findByKeys(['a', 'b'], start)
    t.strictSame(byFirst, { keyHash: 'a', state: await registrations.get('r_1') })
    t.equal(await registrations.findByKeys([], start), undefined)
    t.equal(await registrations.get('r_2'), undefined)
  })

  t.test('an OS update is taken over and announced, unless another came first', async (t) => {
    const { registrations, changes } = await open(t)
    const device = { platform: 'ios', osVersion: '17.5', claimedId: 'phone' } as const
    await registrations.register(registration('r_1', { device }), [key('a')], 10)
    await registrations.register(registration('r_2', { device }), [key('b')], 10)
    const before = await changes.latest()
    const update = { from: '17.5', to: '18.0', at: start + 5 }
    await registrations.osUpdated([
      { id: 'r_1', ...update },
      { id: 'r_2', ...update, from: '17.4' },
      { id: 'r_gone', ...update },
    ])
    t.match(await registrations.get('r_1'), {
      version: before + 1,
      registration: { device: { ...device, osVersion: '18.0', osVersionSince: start + 5 } },
    })
    t.strictSame((await registrations.get('r_2'))?.registration.device, device)
    t.match(await changes.since(before, 9), [{ kind: 'registration', subject: 'r_1' }])
    await registrations.osUpdated([{ id: 'r_1', ...update }])
    t.equal(await changes.latest(), before + 1, 'what is known already is not written')
  })

  t.test('a key that has ended is unknown', async (t) => {
    const { registrations } = await open(t)
    await registrations.register(registration('r_1'), [key('a', start + 10)], 10)
    t.ok(await registrations.findByKeys(['a'], start + 9))
    t.equal(await registrations.findByKeys(['a'], start + 10), undefined)
  })

  t.test('a user registers no more clients of a service than the limit', async (t) => {
    const { registrations, audit, changes } = await open(t)
    t.match(await registrations.register(registration('r_1'), [key('a')], 2), { outcome: 'registered' })
    t.match(await registrations.register(registration('r_2'), [key('b')], 2), { outcome: 'registered' })
    const before = [await changes.latest(), await audit.list({ limit: 10 })]
    t.strictSame(await registrations.register(registration('r_3'), [key('c')], 2), { outcome: 'limit' })
    t.strictSame([await changes.latest(), await audit.list({ limit: 10 })], before, 'nothing was written')
    t.equal(await registrations.findByKeys(['c'], start), undefined)
    const elsewhere = registration('r_4', { service: 'sso' })
    t.match(await registrations.register(elsewhere, [key('d')], 2), { outcome: 'registered' })
    const other = registration('r_5', { user: 'bob' })
    t.match(await registrations.register(other, [key('e')], 2), { outcome: 'registered' })
  })

  t.test('the limit holds for clients that register at the same moment', async (t) => {
    const { registrations } = await open(t)
    const all = ['1', '2', '3', '4', '5', '6'].map((n) =>
      registrations.register(registration(`r_${n}`), [key(n)], 3),
    )
    const outcomes = (await Promise.all(all)).map((one) => one.outcome)
    t.equal(outcomes.filter((one) => one === 'registered').length, 3)
    t.equal((await registrations.list({ limit: 10 })).length, 3)
  })

  t.test('a client that registers again replaces itself, also at the limit', async (t) => {
    const { registrations, changes, audit } = await open(t)
    await registrations.register(registration('r_1'), [key('a'), key('b')], 1)
    const before = await changes.latest()
    t.match(await registrations.register(registration('r_2'), [key('b'), key('a')], 1), {
      outcome: 'registered',
    })
    t.equal(await registrations.get('r_1'), undefined)
    t.match(await registrations.findByKeys(['a'], start), { state: { registration: { id: 'r_2' } } })
    const announced = (await changes.since(before, 10)).map((change) => change.subject)
    t.strictSame(announced.sort(), ['r_1', 'r_2'], 'both are announced')
    t.match(await audit.list({ subject: 'r_1', limit: 10 }), [
      { action: 'registration.created' },
      { action: 'device.forgotten', actor: 'gateway', why: /r_2/ },
    ])
  })

  t.test('a registration that keeps a key of its own stays when another one moves', async (t) => {
    const { registrations, changes } = await open(t)
    await registrations.register(registration('r_1'), [key('a'), key('b')], 10)
    const before = await registrations.get('r_1')
    const latest = await changes.latest()
    await registrations.register(registration('r_2'), [key('b')], 10)
    t.match(await registrations.findByKeys(['b'], start), { state: { registration: { id: 'r_2' } } })
    const stays = await registrations.findByKeys(['a'], start)
    t.match(stays, { state: { registration: { id: 'r_1' } } })
    t.ok(stays!.state.version > before!.version, 'the version grew')
    t.strictSame((await changes.since(latest, 10)).map((change) => change.subject).sort(), ['r_1', 'r_2'])
  })

  t.test('a key of another user’s is refused, and nothing is written', async (t) => {
    const { registrations, changes } = await open(t)
    await registrations.register(registration('r_1'), [key('a')], 10)
    const latest = await changes.latest()
    const thief = registration('r_2', { user: 'mallory' })
    t.strictSame(await registrations.register(thief, [key('b'), key('a')], 10), { outcome: 'key-taken' })
    t.match(await registrations.findByKeys(['a'], start), { state: { registration: { user: 'ann' } } })
    t.equal(await registrations.findByKeys(['b'], start), undefined)
    t.equal(await changes.latest(), latest)
  })

  t.test('a key of another user’s that has ended is free', async (t) => {
    const clock = { now: start }
    const { registrations } = await open(t, clock)
    await registrations.register(registration('r_1'), [key('a', start + 10)], 10)
    clock.now = start + 10
    const bob = registration('r_2', { user: 'bob' })
    t.match(await registrations.register(bob, [key('a')], 10), { outcome: 'registered' })
    t.match(await registrations.findByKeys(['a'], clock.now), { state: { registration: { user: 'bob' } } })
  })

  t.test('registering again does not get rid of a block', async (t) => {
    const { registrations } = await open(t)
    await registrations.register(registration('r_1'), [key('a')], 10)
    await registrations.block('r_1', admin)
    t.match(await registrations.register(registration('r_2'), [key('a')], 10), {
      outcome: 'registered',
      state: { block: { by: 'root', why: 'lost in a taxi', at: admin.at } },
    })
    t.match(await registrations.get('r_2'), { block: { by: 'root' } })
  })

  t.test('a registration without any key, or with an id that is there already, is refused', async (t) => {
    const { registrations } = await open(t)
    await t.rejects(registrations.register(registration('r_1'), [], 10), TypeError)
    await registrations.register(registration('r_1'), [key('a')], 10)
    await t.rejects(registrations.register(registration('r_1'), [key('b')], 10), { code: 'constraint' })
    t.equal(await registrations.findByKeys(['b'], start), undefined)
  })

  t.test(
    'block, unblock and forget grow the version, are announced and audited with actor and reason',
    async (t) => {
      const { registrations, changes, audit } = await open(t)
      const outcome = await registrations.register(registration('r_1'), [key('a')], 10)
      const versions = [outcome.outcome === 'registered' ? outcome.state.version : 0]
      const blocked = await registrations.block('r_1', admin)
      t.strictSame(blocked?.block, { at: admin.at, by: 'root', why: 'lost in a taxi' })
      t.strictSame(await registrations.get('r_1'), blocked)
      const unblocked = await registrations.unblock('r_1', { ...admin, why: 'found again' })
      t.equal(unblocked?.block, undefined)
      t.strictSame(await registrations.unblock('r_1', admin), unblocked, 'a second time changes nothing')
      const forgotten = await registrations.forget('r_1', { ...admin, why: 'sold' })
      t.match(forgotten, { registration: { id: 'r_1' } })
      versions.push(blocked!.version, unblocked!.version, forgotten!.version)
      t.strictSame(
        [...versions].sort((a, b) => a - b),
        versions,
      )
      t.equal(new Set(versions).size, 4)
      t.equal(await changes.latest(), forgotten!.version)

      t.equal(await registrations.get('r_1'), undefined)
      t.equal(await registrations.findByKeys(['a'], start), undefined)
      t.match(await audit.list({ subject: 'r_1', limit: 10 }), [
        { action: 'registration.created', actor: 'gateway', details: { rule: 'Certificate Wi-Fi' } },
        { action: 'device.blocked', actor: 'root', why: 'lost in a taxi' },
        { action: 'device.unblocked', actor: 'root', why: 'found again' },
        { action: 'device.forgotten', actor: 'root', why: 'sold' },
      ])
      for (const act of ['block', 'unblock', 'forget'] as const)
        t.equal(await registrations[act]('r_1', admin), undefined)
    },
  )

  t.test('the list is filtered, newest first, and paged without gaps', async (t) => {
    const { registrations } = await open(t)
    // Some at the same moment, and not in the order of their ids.
    for (const n of [2, 1, 5, 3, 4, 7, 6]) {
      const user = n % 2 === 0 ? 'ann' : 'bob'
      const registeredAt = start + Math.floor(n / 3)
      await registrations.register(registration(`r_${n}`, { user, registeredAt }), [key(`k${n}`)], 10)
    }
    await registrations.block('r_3', admin)
    const ids: string[] = []
    for (let after: string | undefined; ids.length <= 7; after = ids.at(-1)) {
      const page = await registrations.list({ limit: 2, ...(after === undefined ? {} : { after }) })
      if (page.length === 0) break
      ids.push(...page.map((state) => state.registration.id))
    }
    t.strictSame(ids, ['r_7', 'r_6', 'r_5', 'r_4', 'r_3', 'r_2', 'r_1'])
    const listed = async (query: object) =>
      (await registrations.list({ limit: 100, ...query })).map((state) => state.registration.id)
    t.strictSame(await listed({ user: 'ann' }), ['r_6', 'r_4', 'r_2'])
    t.strictSame(await listed({ user: 'ann', service: 'sso' }), [])
    t.strictSame(await listed({ blocked: true }), ['r_3'])
    t.strictSame(await listed({ blocked: false, user: 'bob', service: 'mail' }), ['r_7', 'r_5', 'r_1'])
    await t.rejects(registrations.list({ after: 'r_9', limit: 2 }), RangeError)
  })
}

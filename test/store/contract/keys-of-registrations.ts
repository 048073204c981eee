import type { Test } from 'tap'
import { key, type OpenStore, registration, start } from './values.ts'

/** What `addKeys`, `removeKeys` and `Grants` promise. */
export function keysContract(t: Test, open: OpenStore): void {
  t.test('added keys name the client, and are announced and audited once', async (t) => {
    const { registrations, changes, audit } = await open(t)
    await registrations.register(registration('r_1'), [key('a')], 10)
    await registrations.addKeys('r_1', [key('token', start + 10)])
    t.match(await registrations.findByKeys(['token'], start), { state: { registration: { id: 'r_1' } } })
    const latest = await changes.latest()
    t.equal((await registrations.get('r_1'))?.version, latest)
    await registrations.addKeys('r_1', [key('token', start + 10)])
    t.equal(await changes.latest(), latest, 'the same keys again are no change')
    t.match(await audit.list({ limit: 10 }), [
      {},
      { action: 'registration.keys-added', details: { keys: 1 } },
    ])
  })

  t.test('keys for a registration that is not there are not kept', async (t) => {
    const { registrations } = await open(t)
    await registrations.addKeys('r_9', [key('a')])
    t.equal(await registrations.findByKeys(['a'], start), undefined)
  })

  t.test('a key of another user’s does not move, one of the same user does', async (t) => {
    const { registrations } = await open(t)
    await registrations.register(registration('r_1'), [key('a1'), key('a2')], 10)
    await registrations.register(registration('r_2', { user: 'bob' }), [key('b')], 10)
    await registrations.register(registration('r_3'), [key('c')], 10)
    await registrations.addKeys('r_3', [key('a2'), key('b'), key('new')])
    const holder = async (hash: string) =>
      (await registrations.findByKeys([hash], start))?.state.registration.id
    t.strictSame(
      [await holder('a2'), await holder('b'), await holder('new'), await holder('a1')],
      ['r_3', 'r_2', 'r_3', 'r_1'],
    )
  })

  t.test('at most 50 keys stay: those that end soonest go first, those without an end last', async (t) => {
    const { registrations } = await open(t)
    await registrations.register(registration('r_1'), [key('identity')], 10)
    for (let n = 1; n <= 60; n++) await registrations.addKeys('r_1', [key(`t${n}`, start + n)])
    t.equal(await registrations.findByKeys(['t11'], start), undefined)
    t.ok(await registrations.findByKeys(['t12'], start))
    t.ok(await registrations.findByKeys(['identity'], start))
  })

  t.test('removed keys are unknown and announced', async (t) => {
    const { registrations, grants, changes } = await open(t)
    await registrations.register(registration('r_1'), [key('a'), key('b')], 10)
    await grants.add([key('g')], 'mail', 'ann')
    const latest = await changes.latest()
    await registrations.removeKeys(['b', 'g', 'unknown'])
    t.equal(await registrations.findByKeys(['b'], start), undefined)
    t.ok(await registrations.findByKeys(['a'], start))
    t.equal(await grants.userOf('g', start), undefined)
    t.match(await changes.since(latest, 10), [{ kind: 'registration', subject: 'r_1' }])
  })

  t.test('a granted secret remembers its user until it ends', async (t) => {
    const { grants } = await open(t)
    await grants.add([key('g', start + 10), key('h')], 'lync', 'ann')
    t.equal(await grants.userOf('g', start + 9), 'ann')
    t.equal(await grants.userOf('g', start + 10), undefined)
    t.equal(await grants.userOf('h', start), 'ann')
    t.equal(await grants.userOf('h', start + 86_400_000), undefined, 'without an end, after a day')
    t.equal(await grants.userOf('unknown', start), undefined)
    await grants.add([key('g', start + 20)], 'lync', 'bob')
    t.equal(await grants.userOf('g', start + 15), 'bob', 'the last one it was given to')
  })
}

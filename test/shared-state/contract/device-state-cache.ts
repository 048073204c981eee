import type { Test } from 'tap'
import { unknownPosture } from '../../../src/domain/posture.ts'
import type { DeviceState } from '../../../src/domain/registration.ts'
import type { DeviceStateCache } from '../../../src/shared-state/ports.ts'
import { eventually } from '../../helpers/eventually.ts'
import { registration } from '../../store/contract/values.ts'

/** A record of changes that the test makes; `oldest` and below are gone. */
export class History {
  changes: { sequence: number; kind: string; subject: string; mark: string }[] = []
  oldest = 0
  #marks = 0

  /** @returns its sequence */
  add(subject: string, kind = 'registration'): number {
    const sequence = this.changes.length + 1
    this.changes.push({ sequence, kind, subject, mark: `m${++this.#marks}` })
    return sequence
  }

  /** As `invalidate` wants it. */
  tell(subject: string): [subject: string, sequence: number, mark: string] {
    const sequence = this.add(subject)
    return [subject, sequence, this.changes.at(-1)?.mark ?? '']
  }

  async latest(): Promise<number> {
    return this.changes.length
  }

  async since(sequence: number, limit: number) {
    return this.changes.slice(Math.max(sequence, this.oldest)).slice(0, limit)
  }
}

export interface CacheUnderTest {
  readonly history: History
  /** As two processes have it. */
  readonly cache: DeviceStateCache
  readonly other: DeviceStateCache
}

export type OpenCache = (t: Test) => Promise<CacheUnderTest>

export function state(id: string, version: number, more: Partial<DeviceState> = {}): DeviceState {
  return { version, registration: registration(id), posture: unknownPosture, ...more }
}

/** Waits until the cache takes and gives states. */
export async function settled(cache: DeviceStateCache, asOf: number): Promise<void> {
  await eventually(async () => {
    await cache.putUnknown(['settled'], asOf)
    return (await cache.find(['settled']))[0] === 'unknown'
  })
}

export function deviceStateCacheContract(t: Test, open: OpenCache): void {
  t.test('what was put is found, in the order of the question, with the end of its key', async (t) => {
    const { cache, other, history } = await open(t)
    const version = history.add('r_1')
    const full = state('r_1', version, {
      block: { at: 1, by: 'root', why: 'lost, "stolen"\n' },
      posture: { state: 'compliant', match: 'exact', vendor: 'intune', checkedAt: 5 },
    })
    const keyExpiresAt = Date.now() + 600_000
    await cache.put({ hash: 'a', state: full, asOf: version, keyExpiresAt })
    await cache.put({ hash: 'b', state: full, asOf: version })
    await eventually(async () => (await other.find(['b']))[0])
    t.strictSame(await other.find(['x', 'b', 'a']), [
      undefined,
      { state: full },
      { state: full, keyExpiresAt },
    ])
    t.strictSame(await other.find([]), [])
  })

  t.test('an older state never replaces a newer one, whoever writes it', async (t) => {
    const { cache, other, history } = await open(t)
    const [old, young] = [history.add('r_1'), history.add('r_1')]
    await settled(cache, 2)
    await other.put({ hash: 'a', state: state('r_1', young), asOf: young })
    await cache.put({ hash: 'a', state: state('r_1', old), asOf: young })
    t.match(await cache.find(['a']), [{ state: { version: young } }])
  })

  t.test('a change ends what is there, and what was read before it cannot be put back', async (t) => {
    const { cache, other, history } = await open(t)
    const old = history.add('r_1')
    await settled(cache, 1)
    await cache.put({ hash: 'a', state: state('r_1', old), asOf: 1 })
    t.match(await cache.find(['a']), [{ state: { version: old } }])
    const change = history.tell('r_1')
    const [, young] = change
    await cache.invalidate(...change)
    t.strictSame(await cache.find(['a']), [undefined])
    await other.put({ hash: 'a', state: state('r_1', old), asOf: 1 })
    t.strictSame(await cache.find(['a']), [undefined])
    t.strictSame(await other.find(['a']), [undefined])
    await other.put({ hash: 'a', state: state('r_1', young), asOf: young })
    t.match(await cache.find(['a']), [{ state: { version: young } }])
  })

  t.test(
    'a change ends every key of the registration, and a key that moved is found as it is now',
    async (t) => {
      const { cache, history } = await open(t)
      history.add('r_1')
      await settled(cache, 1)
      for (const hash of ['a', 'b']) await cache.put({ hash, state: state('r_1', 1), asOf: 1 })
      await cache.invalidate(...history.tell('r_1'))
      await cache.invalidate(...history.tell('r_2'))
      await cache.put({ hash: 'a', state: state('r_2', 3), asOf: 3 })
      await cache.put({ hash: 'b', state: state('r_1', 2), asOf: 3 })
      t.match(await cache.find(['a', 'b']), [
        { state: { registration: { id: 'r_2' } } },
        { state: { version: 2 } },
      ])
      // The key of a slow reader, who still has the registration that had it before.
      await cache.put({ hash: 'a', state: state('r_1', 2), asOf: 3 })
      t.match(await cache.find(['a']), [{ state: { registration: { id: 'r_2' } } }])
    },
  )

  t.test(
    'a change that this process was told of counts for it at once, before the cache was told',
    async (t) => {
      const { cache, history } = await open(t)
      history.add('r_1')
      await settled(cache, 1)
      await cache.put({ hash: 'a', state: state('r_1', 1), asOf: 1 })
      const telling = cache.invalidate(...history.tell('r_1'))
      t.strictSame(await cache.find(['a']), [undefined])
      await telling
    },
  )

  t.test('a key from before a change finds nothing, also when the state has been read since', async (t) => {
    const { cache, history } = await open(t)
    history.add('r_1')
    await settled(cache, 1)
    for (const hash of ['a', 'b']) await cache.put({ hash, state: state('r_1', 1), asOf: 1 })
    await cache.invalidate(...history.tell('r_1'))
    await cache.put({ hash: 'b', state: state('r_1', 2), asOf: 2 })
    t.match(await cache.find(['a', 'b']), [undefined, { state: { version: 2 } }])
  })

  t.test('a flood of changes is told, each of them', async (t) => {
    const { cache, history } = await open(t)
    const ids = Array.from({ length: 1200 }, (_, n) => `r_${n}`)
    for (const id of ids) history.add(id)
    await settled(cache, 1200)
    await cache.put({ hash: 'first', state: state('r_0', 1), asOf: 1200 })
    await cache.put({ hash: 'last', state: state('r_1199', 1200), asOf: 1200 })
    t.match(await cache.find(['first', 'last']), [{ state: {} }, { state: {} }])
    await Promise.all(ids.map((id) => cache.invalidate(...history.tell(id))))
    t.strictSame(await cache.find(['first', 'last']), [undefined, undefined])
    await cache.put({ hash: 'first', state: state('r_0', 1201), asOf: 2400 })
    t.match(await cache.find(['first']), [{ state: { version: 1201 } }], 'and the cache goes on')
  })

  t.test('a key that has ended is not kept', async (t) => {
    const { cache, history } = await open(t)
    history.add('r_1')
    await settled(cache, 1)
    await cache.put({ hash: 'a', state: state('r_1', 1), asOf: 1, keyExpiresAt: Date.now() - 1 })
    t.strictSame(await cache.find(['a']), [undefined])
  })

  t.test('an unknown key is known to be unknown, until it is registered', async (t) => {
    const { cache, other, history } = await open(t)
    history.add('r_0')
    await settled(cache, 1)
    await cache.putUnknown(['a', 'b'], 1)
    t.strictSame(await cache.find(['a', 'b', 'c']), ['unknown', 'unknown', undefined])
    await other.forgetUnknown(['a'], history.add('r_1'))
    t.strictSame(await cache.find(['a', 'b']), [undefined, 'unknown'])
    await other.put({ hash: 'a', state: state('r_1', 2), asOf: 2 })
    t.match(await cache.find(['a', 'b']), [{ state: { version: 2 } }, 'unknown'])
  })

  t.test('who read before the registration cannot make its key unknown again', async (t) => {
    const { cache, other, history } = await open(t)
    history.add('r_0')
    await settled(cache, 1)
    await cache.forgetUnknown(['a'], history.add('r_1'))
    await other.putUnknown(['a'], 1)
    t.strictSame(await cache.find(['a']), [undefined])
    await other.putUnknown(['a'], 2)
    t.strictSame(await cache.find(['a']), ['unknown'], 'who read after it may')
    await cache.forgetUnknown(['b'], 2)
    await other.forgetUnknown(['b'], 1)
    await other.putUnknown(['b'], 1)
    t.strictSame(await cache.find(['b']), [undefined], 'nor after a word that comes late')
    await cache.put({ hash: 'a', state: state('r_1', 2), asOf: 2 })
    await other.putUnknown(['a'], 2)
    t.match(await cache.find(['a']), [{ state: { version: 2 } }], 'a state is never hidden')
  })

  t.test('after changes may have been missed, what had changed meanwhile is not given', async (t) => {
    const { cache, other, history } = await open(t)
    history.add('r_1')
    history.add('r_2')
    await settled(cache, 2)
    await other.put({ hash: 'a', state: state('r_1', 1), asOf: 2 })
    await other.put({ hash: 'b', state: state('r_2', 2), asOf: 2 })
    history.add('r_1')
    history.add('somebody', 'approval')
    cache.distrust()
    t.strictSame(await cache.find(['a', 'b']), [undefined, undefined])
    await eventually(async () => (await cache.find(['b']))[0] !== undefined)
    t.match(await cache.find(['a', 'b']), [undefined, { state: { version: 2 } }])
  })

  t.test('when the record no longer tells what has changed, everything is forgotten', async (t) => {
    const { cache, other, history } = await open(t)
    history.add('r_1')
    history.add('r_2')
    await settled(cache, 2)
    await other.put({ hash: 'b', state: state('r_2', 2), asOf: 2 })
    for (let n = 0; n < 5; n++) history.add('r_1')
    history.oldest = 5
    cache.distrust()
    await settled(cache, 7)
    t.strictSame(await cache.find(['b']), [undefined])
    await other.put({ hash: 'b', state: state('r_2', 2), asOf: 2 })
    t.strictSame(await cache.find(['b']), [undefined], 'also by who read before that')
  })
}

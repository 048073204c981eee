import { setTimeout as delay } from 'node:timers/promises'
import type { Test } from 'tap'
import type { Counters, NonceStore } from '../../../src/shared-state/ports.ts'
import { eventually } from '../../helpers/eventually.ts'

export type OpenNonces = (t: Test) => Promise<NonceStore>
export type OpenCounters = (t: Test) => Promise<Counters>

const long = 600_000

export function nonceContract(t: Test, open: OpenNonces): void {
  t.test('a nonce is claimed once, whoever is quicker', async (t) => {
    const nonces = await open(t)
    const claims = await Promise.all(Array.from({ length: 20 }, () => nonces.claim('a', long)))
    t.equal(claims.filter((claimed) => claimed).length, 1)
    t.equal(await nonces.claim('a', long), false)
    t.equal(await nonces.claim('b', long), true)
  })

  t.test('what is older than the store may have been claimed before, and is refused', async (t) => {
    const nonces = await open(t)
    t.equal(await nonces.claim('before', long, 60_000), false)
    t.equal(await nonces.claim('before', long, -5_000), true, 'with an age that fits')
    t.equal(await nonces.claim('before', long, -5_000), false)
  })

  t.test('a nonce is free again when its time is over', async (t) => {
    const nonces = await open(t)
    t.equal(await nonces.claim('a', 30), true)
    await eventually(() => nonces.claim('a', 30))
  })
}

export function counterContract(t: Test, open: OpenCounters): void {
  t.test('each key is counted for itself', async (t) => {
    const counters = await open(t)
    const [a1, a2, b, a3] = await Promise.all(['a', 'a', 'b', 'a'].map((key) => counters.hit(key, long)))
    // Those that are on their way together may be counted in any order.
    t.strictSame([[a1, a2, a3].sort(), b], [[1, 2, 3], 1])
  })

  t.test('the first hit opens the window; later ones do not make it longer', async (t) => {
    const counters = await open(t)
    await counters.hit('a', 60)
    await eventually(async () => {
      await delay(5)
      return (await counters.hit('a', 60)) === 1
    })
  })
}

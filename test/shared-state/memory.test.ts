import t from 'tap'
import { createCounters, createNonceStore } from '../../src/shared-state/memory.ts'

t.test('a nonce is claimed once, until its time is over', async (t) => {
  const clock = { now: 0 }
  const nonces = createNonceStore({ now: () => clock.now })
  t.strictSame(await Promise.all([nonces.claim('a', 10), nonces.claim('a', 10)]), [true, false])
  clock.now = 9
  t.equal(await nonces.claim('a', 10), false)
  clock.now = 10
  t.equal(await nonces.claim('a', 10), true)
})

t.test('when no more nonces can be remembered, new ones are refused and none is forgotten', async (t) => {
  const clock = { now: 0 }
  const nonces = createNonceStore({ now: () => clock.now, limit: 2 })
  t.equal(await nonces.claim('a', 10), true)
  t.equal(await nonces.claim('b', 20), true)
  t.equal(await nonces.claim('c', 10), false)
  t.equal(await nonces.claim('a', 10), false)
  clock.now = 10
  t.equal(await nonces.claim('c', 10), true, 'one has ended')
  t.equal(await nonces.claim('b', 10), false)
})

t.test('hits are counted within a window that the first one opens', async (t) => {
  const clock = { now: 0 }
  const counters = createCounters({ now: () => clock.now, limit: 2 })
  t.strictSame([await counters.hit('a', 10), await counters.hit('a', 10)], [1, 2])
  clock.now = 9
  t.equal(await counters.hit('a', 10), 3)
  clock.now = 10
  t.equal(await counters.hit('a', 10), 1)
  await counters.hit('b', 10)
  await counters.hit('c', 10)
  t.equal(await counters.hit('a', 10), 1, 'the oldest gives way')
})

t.test('what is older than the memory may have been used before, and is refused', async (t) => {
  let time = 10_000
  const nonces = createNonceStore({ now: () => time })
  t.equal(await nonces.claim('before', 1000, 1), false)
  time += 5
  t.equal(await nonces.claim('just', 1000, 5), true)
  t.equal(await nonces.claim('earlier', 1000, 6), false)
  t.equal(await nonces.claim('ahead', 1000, -3), true, 'by a clock that is ahead')
})

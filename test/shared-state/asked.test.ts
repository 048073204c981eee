import t from 'tap'
import { createAnswers, createAskedState } from '../../src/shared-state/asked.ts'
import { SharedStateUnavailable } from '../../src/shared-state/ports.ts'

t.test('a nonce that one process has claimed is claimed for all of them', async (t) => {
  const clock = { now: 0 }
  const answers = createAnswers(() => clock.now)
  const [one, other] = [createAskedState(answers), createAskedState(answers)]
  t.equal(await one.nonces.claim('voucher:1', 1000), true)
  t.equal(await other.nonces.claim('voucher:1', 1000), false)
  clock.now = 1000
  t.equal(await other.nonces.claim('voucher:1', 1000), true)
})

t.test('processes count together', async (t) => {
  const answers = createAnswers(() => 0)
  const [one, other] = [createAskedState(answers), createAskedState(answers)]
  t.equal(await one.counters.hit('address', 1000), 1)
  t.equal(await other.counters.hit('address', 1000), 2)
})

t.test('without an answer, a nonce is not claimed', async (t) => {
  const silent = createAskedState(() => new Promise(() => {}))
  await t.rejects(silent.nonces.claim('voucher:1', 1000), SharedStateUnavailable)
  const odd = createAskedState(async () => 1)
  t.equal(await odd.nonces.claim('voucher:1', 1000), false, 'only a clear yes is one')
})

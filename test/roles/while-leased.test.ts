import { once } from 'node:events'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type LeaseSource, whileLeased } from '../../src/lib/while-leased.ts'
import type { Leases } from '../../src/store/ports.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { eventually } from '../helpers/eventually.ts'

/** Milliseconds, more than this process stands still on a busy machine: who lost a term by that would begin another. */
const ttl = 3_000

/** The record as two processes see it. */
async function twoViews(t: Test): Promise<readonly [Leases, Leases]> {
  const path = join(t.testdir(), 'record.db')
  const open = async () => {
    const store = await openSqliteStore(path, { now: Date.now })
    t.teardown(() => store.close())
    return store.leases
  }
  return [await open(), await open()]
}

interface Contender {
  readonly terms: number[]
  working: boolean
  /** Ends it gently. */
  stop(): Promise<void>
}

/** Works for as long as it may, and notes when somebody else does at the same time. */
function contend(
  t: Test,
  leases: LeaseSource,
  holder: string,
  others: () => readonly Contender[],
): Contender {
  const stopping = new AbortController()
  const running = whileLeased({
    ...{ leases, name: 'poll', holder, ttl, signal: stopping.signal, onError: () => {} },
    async work(signal, term) {
      t.notOk(
        others().some(({ working }) => working),
        `${holder} works alone`,
      )
      contender.terms.push(term)
      contender.working = true
      await once(signal, 'abort')
      contender.working = false
    },
  })
  const contender: Contender = {
    terms: [],
    working: false,
    async stop() {
      stopping.abort()
      await running
    },
  }
  t.teardown(() => contender.stop())
  return contender
}

t.test('one of two works; when it stops, the other goes on at once, in a new term', async (t) => {
  const [first, second] = await twoViews(t)
  const a: Contender = contend(t, first, 'a', () => [b])
  const b: Contender = contend(t, second, 'b', () => [a])
  await eventually(() => a.working || b.working)
  const [one, other] = a.working ? [a, b] : [b, a]
  await one.stop()
  await eventually(() => other.working)
  t.strictSame([...one.terms, ...other.terms], [1, 2])
})

t.test('a holder that cannot reach the record stops before another one begins', async (t) => {
  const [first, second] = await twoViews(t)
  let reachable = true
  const failing: LeaseSource = {
    hold: (...lease) => (reachable ? first.hold(...lease) : Promise.reject(new Error('away'))),
    release: async () => {},
  }
  const a: Contender = contend(t, failing, 'a', () => [])
  await eventually(() => a.working)
  const b: Contender = contend(t, second, 'b', () => [a])
  reachable = false
  await eventually(() => b.working)
  t.notOk(a.working)
  reachable = true
})

t.test('a record that never answers ends the work as well', async (t) => {
  const [first, second] = await twoViews(t)
  let silent = false
  const hanging: LeaseSource = {
    hold: (...lease) => (silent ? new Promise(() => {}) : first.hold(...lease)),
    release: async () => {},
  }
  const signals: AbortSignal[] = []
  void whileLeased({
    ...{ leases: hanging, name: 'poll', holder: 'a', ttl, onError: () => {} },
    signal: new AbortController().signal,
    async work(signal) {
      signals.push(signal)
      await once(signal, 'abort')
    },
  })
  await eventually(() => signals.length === 1)
  silent = true
  await eventually(() => signals[0]?.aborted)
  t.equal(await eventually(() => second.hold('poll', 'b', ttl)), 2)
})

t.test('work that fails is told of, and tried again', async (t) => {
  const [leases] = await twoViews(t)
  const stopping = new AbortController()
  const errors: unknown[] = []
  let attempts = 0
  const running = whileLeased({
    ...{ leases, name: 'poll', holder: 'a', ttl: 20, signal: stopping.signal },
    onError: (error) => errors.push(error),
    async work() {
      attempts++
      throw new Error('vendor away')
    },
  })
  await eventually(() => attempts >= 2)
  stopping.abort()
  await running
  t.match(errors[0], { message: 'vendor away' })
})

import { join } from 'node:path'
import t, { type Test } from 'tap'
import { RecordUnavailable } from '../../src/store/errors.ts'
import { type GuardOptions, guarded, type RecordCondition } from '../../src/store/guarded.ts'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/ports.ts'
import { recordContract } from './contract/record.ts'
import { type Clock, start } from './contract/values.ts'

async function open(t: Test, clock: Clock = { now: start }): Promise<Store> {
  const store = await openStore(
    { kind: 'sqlite', path: join(t.testdir(), 'record.db') },
    { now: () => clock.now },
  )
  t.teardown(() => store.close())
  return store
}

const limits = { readTimeout: 10_000, writeTimeout: 10_000 }

t.test('a guarded record keeps every promise of the record', async (t) => {
  recordContract(t, async (t, clock) =>
    guarded(await open(t, clock), { ...limits, now: () => performance.now() }),
  )
})

/** A record whose looks at a registration and whose blocks do what the test says. */
async function failing(t: Test, options: Partial<GuardOptions> = {}) {
  const store = await open(t)
  const calls: PromiseWithResolvers<undefined>[] = []
  const call = () => {
    const next = Promise.withResolvers<undefined>()
    calls.push(next)
    return next.promise
  }
  const registrations = { ...store.registrations, get: call, block: call }
  const clock = { now: 0 }
  const conditions: [string, RecordCondition][] = []
  const under = guarded(
    { ...store, registrations },
    {
      ...limits,
      now: () => clock.now,
      onCondition: (part, condition) => conditions.push([part, condition]),
      ...options,
    },
  )
  return { under, calls, clock, conditions }
}

const gone = new RecordUnavailable('unreachable', 'PostgreSQL at db: gone')
const by = { name: 'root', why: 'lost', at: start }

t.test('a look that takes too long has failed with `timeout`', async (t) => {
  const { under } = await failing(t, { readTimeout: 1 })
  await t.rejects(under.registrations.get('r_1'), { name: 'RecordUnavailable', code: 'timeout' })
})

t.test('a record that does not answer is not asked but by probes, and that is told once', async (t) => {
  const { under, calls, clock, conditions } = await failing(t, { failures: 3, retryAfter: 100 })
  for (let n = 0; n < 3; n++) {
    const asked = under.registrations.get('r_1')
    calls.at(-1)?.reject(gone)
    await t.rejects(asked, gone)
  }
  await t.rejects(under.registrations.get('r_1'), { code: 'busy', message: /gone/ })
  t.equal(calls.length, 3)
  t.strictSame(conditions, [['reads', { ok: false, detail: gone.message }]])
  clock.now += 100
  const probe = under.registrations.get('r_1')
  await t.rejects(under.registrations.get('r_1'), { code: 'busy' })
  calls.at(-1)?.resolve(undefined)
  await probe
  await Promise.all([under.registrations.get('r_1'), calls.at(-1)?.resolve(undefined)])
  t.strictSame(conditions.slice(1), [['reads', { ok: true }]])
})

t.test('a record that takes no writes is looked into all the same', async (t) => {
  const { under, calls, conditions } = await failing(t, { failures: 1 })
  const written = under.registrations.block('r_1', by)
  calls[0]?.reject(new RecordUnavailable('full', 'SQLite: database or disk is full'))
  await t.rejects(written, { code: 'full' })
  await t.rejects(under.registrations.unblock('r_1', by), { code: 'busy' })
  t.equal(await under.registrations.findByKeys(['a'], start), undefined)
  t.match(conditions, [['writes', { ok: false }]])
})

t.test('a value or a row that is wrong says nothing of the record', async (t) => {
  const { under, calls, conditions } = await failing(t, { failures: 1 })
  for (const error of [
    new RecordUnavailable('constraint', 'x'),
    new RecordUnavailable('invalid', 'x'),
    new RecordUnavailable('corrupt', 'x'),
    new RangeError('x'),
  ]) {
    const asked = under.registrations.get('r_1')
    calls.at(-1)?.reject(error)
    await t.rejects(asked, error)
  }
  t.strictSame(conditions, [])
})

t.test('no more calls than the limit are under way; one beyond its deadline still is', async (t) => {
  const { under, calls } = await failing(t, { inFlight: 2, readTimeout: 1, failures: 100 })
  await t.rejects(under.registrations.get('r_1'), { code: 'timeout' })
  await t.rejects(under.registrations.get('r_1'), { code: 'timeout' })
  await t.rejects(under.registrations.get('r_1'), { code: 'busy' })
  t.equal(calls.length, 2)
  calls[0]?.resolve(undefined)
  await new Promise((resolve) => setImmediate(resolve))
  await t.rejects(under.registrations.get('r_1'), { code: 'timeout' })
})

t.test('the check of the whole audit log takes the time that it takes', async (t) => {
  const store = await open(t)
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const slow = { ...store, audit: { ...store.audit, verify: () => promise, list: () => promise } }
  const under = guarded(slow as unknown as Store, { ...limits, readTimeout: 1, now: () => 0 }) // answers nothing
  const verified = under.audit.verify()
  await t.rejects(under.audit.list({ limit: 1 }), { code: 'timeout' })
  resolve(undefined)
  t.equal(await verified, undefined)
})

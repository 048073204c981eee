import t from 'tap'
import { DeadlinePassed, withDeadline } from '../../src/lib/deadline.ts'

t.test('work that is done in time gives what it gives', async (t) => {
  t.equal(await withDeadline(Promise.resolve(7), 10_000), 7)
  await t.rejects(withDeadline(Promise.reject(new RangeError('no')), 10_000), new RangeError('no'))
})

t.test('work that is late has failed, whatever becomes of it', async (t) => {
  const late = Promise.withResolvers<number>()
  await t.rejects(withDeadline(late.promise, 1), new DeadlinePassed(1))
  // Would end this process if nobody took it.
  late.reject(new Error('too late'))
  await new Promise((resolve) => setImmediate(resolve))
})

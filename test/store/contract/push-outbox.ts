import type { Test } from 'tap'
import { type OpenStore, start } from './values.ts'

/** What `PushOutbox` promises. */
export function pushOutboxContract(t: Test, open: OpenStore): void {
  t.test('a push is wanted once, at the earliest time that anybody asked for', async (t) => {
    const { pushOutbox, changes } = await open(t)
    await pushOutbox.wantPush('phone', start + 500)
    await pushOutbox.wantPush('phone', start + 100)
    await pushOutbox.wantPush('phone', start + 900)
    t.equal(await pushOutbox.size(), 1)
    t.equal((await pushOutbox.get('phone'))?.dueAt, start + 100)
    const announced = await changes.since(0, 10)
    t.strictSame(
      announced.map(({ kind, subject }) => [kind, subject]),
      Array(3).fill(['push-wanted', 'phone']),
    )
  })

  t.test('what is due comes in its order, the longest due first', async (t) => {
    const { pushOutbox } = await open(t)
    t.equal(await pushOutbox.nextDue(), undefined)
    for (const [id, at] of [
      ['b', 20],
      ['a', 30],
      ['c', 10],
      ['d', 90],
    ] as const)
      await pushOutbox.wantPush(id, start + at)
    t.strictSame(
      (await pushOutbox.due(start + 50, 10)).map(({ enrollment }) => enrollment),
      ['c', 'b', 'a'],
    )
    t.strictSame(
      (await pushOutbox.due(start + 50, 1)).map(({ enrollment }) => enrollment),
      ['c'],
    )
    t.equal(await pushOutbox.nextDue(), start + 10)
  })

  t.test('what became of a push is kept, unless it was wanted anew meanwhile', async (t) => {
    const { pushOutbox } = await open(t)
    await pushOutbox.wantPush('phone', start)
    const [push] = await pushOutbox.due(start, 1)
    if (push === undefined) throw new Error('it is due')
    const next = { dueAt: start + 3_600_000, failures: 0, accepted: 1, acceptedAt: start }
    await pushOutbox.took([{ push, answer: '200', next }])
    t.match(await pushOutbox.get('phone'), { ...next, lastAnswer: '200' })

    await pushOutbox.wantPush('phone', start + 10)
    t.match(await pushOutbox.get('phone'), { dueAt: start + 10, accepted: 0 })
    await pushOutbox.took([{ push, answer: 'late', next }])
    t.match(await pushOutbox.get('phone'), { dueAt: start + 10, lastAnswer: '200' })
    await pushOutbox.took([{ push, answer: 'late', next: undefined }])
    t.equal(await pushOutbox.size(), 1)

    const [anew] = await pushOutbox.due(start + 10, 1)
    if (anew === undefined) throw new Error('it is due')
    await pushOutbox.took([{ push: anew, answer: '503', next: { ...next, failures: 9 } }])
    await pushOutbox.wantPush('phone', start + 20)
    t.match(await pushOutbox.get('phone'), { failures: 0 }, 'what went wrong before counts no more')
  })

  t.test('what became of many pushes at once is kept of each', async (t) => {
    const { pushOutbox } = await open(t)
    for (let phone = 0; phone < 201; phone++) await pushOutbox.wantPush(`phone ${phone}`, start)
    const pushes = await pushOutbox.due(start, 999)
    await pushOutbox.took(pushes.map((push) => ({ push, answer: '410', next: undefined })))
    t.strictSame([pushes.length, await pushOutbox.size()], [201, 0])
  })

  t.test('a device that has come is called no more', async (t) => {
    const { pushOutbox } = await open(t)
    await pushOutbox.wantPush('phone', start)
    await pushOutbox.settlePush('phone')
    await pushOutbox.settlePush('phone')
    t.equal(await pushOutbox.get('phone'), undefined)
    t.strictSame(await pushOutbox.due(start + 1, 10), [])
  })
}

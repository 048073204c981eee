/** What a connection can do to the pushes on it: none is lost, and none waits for the others. */
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { PushWorkerOptions } from '../../src/apns/apns.ts'
import { eventually } from '../helpers/eventually.ts'
import { apnsUnderTest, type ScriptedAnswer, workerUnderTest } from './support.ts'

const minute = 60_000

type FleetOptions = Partial<PushWorkerOptions> & { readonly streams?: number }

async function fleet(t: Test, count: number, { streams = 100, ...changes }: FleetOptions = {}) {
  const service = await apnsUnderTest(t, { streams })
  const parts = await workerUnderTest(t, service, { timeout: 60_000, ...changes })
  const ids = Array.from({ length: count }, (_, index) => `phone-${String(index).padStart(3, '0')}`)
  const tokens: string[] = []
  for (const id of ids) tokens.push(await parts.enrol(id))
  const wantAll = async () => {
    for (const id of ids) await parts.store.pushOutbox.wantPush(id, parts.clock.now)
    parts.worker.poke()
  }
  const { apns } = service
  const came = (token: string) => apns.pushes.filter((push) => push.token === token).length
  const allCame = () => eventually(() => tokens.every((token) => came(token) > 0))
  return { ...parts, apns, ids, tokens, wantAll, came, allCame }
}

t.test(
  'pushes above the last stream of a GOAWAY go over another connection at once, each once',
  async (t) => {
    const { apns, wantAll, allCame, tokens, came, pushed } = await fleet(t, 100)
    let seen = 0
    apns.decide(() => {
      if (++seen % 30 === 0) apns.goaway('Shutdown')
      return undefined
    })
    await wantAll()
    await allCame()
    await eventually(() => pushed.length === tokens.length)
    t.ok(
      pushed.every(({ verdict }) => verdict === 'accepted'),
      'no failure is counted for it',
    )
    for (const token of tokens) t.equal(came(token), 1, 'however many connections ended under it')
    t.ok(apns.requests > tokens.length, 'some had reached Apple, and were not looked at')
    t.ok(apns.connections > 1)
  },
)

t.test('what a GOAWAY with an end to the connection cuts off is sent again within seconds', async (t) => {
  const { apns, wantAll, allCame, clock, worker, pushed } = await fleet(t, 40)
  apns.hold(true)
  await wantAll()
  await eventually(() => apns.requests >= 20)
  apns.goaway('Shutdown', 'abrupt')
  await eventually(() => pushed.some(({ verdict }) => verdict === 'no-answer'))
  apns.hold(false)
  await eventually(() => {
    clock.now += 100
    worker.poke()
    return pushed.filter(({ verdict }) => verdict === 'accepted').length >= 40
  })
  await allCame()
})

t.test(
  'pushes that Apple took before its GOAWAY and never answers do not wait for their time-outs',
  async (t) => {
    const { apns, wantAll, allCame, clock, worker, pushed } = await fleet(t, 20)
    apns.hold(true)
    await wantAll()
    await eventually(() => apns.requests >= 10)
    apns.goaway('Shutdown', 'faithless')
    apns.hold(false)
    await eventually(() => pushed.some(({ verdict }) => verdict === 'no-answer'))
    clock.now += 2_000
    worker.poke()
    await allCame()
  },
)

t.test('a push that Apple took before its GOAWAY and never answers is not made again at once', async (t) => {
  const { apns, wantAll, allCame, clock, worker, pushed } = await fleet(t, 1, { timeout: 3_000 })
  let looked = 0
  apns.decide(() => {
    if (++looked > 1) return undefined
    apns.goaway('Shutdown')
    return 'silent'
  })
  await wantAll()
  await eventually(() => pushed.length > 0)
  t.equal(pushed[0]?.verdict, 'no-answer')
  t.equal(looked, 1)
  clock.now += 1_000
  worker.poke()
  await allCame()
})

t.test('a refused stream is sent again at once, on the connection that there is', async (t) => {
  const { apns, wantAll, allCame, tokens, came, pushed } = await fleet(t, 30)
  for (const token of tokens) apns.answer('refused', 2, token)
  await wantAll()
  await allCame()
  await eventually(() => pushed.length === tokens.length)
  t.ok(pushed.every(({ verdict }) => verdict === 'accepted'))
  for (const token of tokens) t.equal(came(token), 1)
  t.ok(apns.connections <= 2, 'frequent connecting looks like an attack')
})

t.test('a connection that is cut in the middle of an answer costs a second push at most', async (t) => {
  const { apns, ids, tokens, wantAll, allCame, came, clock, worker, store } = await fleet(t, 20)
  apns.answer('cut', 1, tokens[7])
  await wantAll()
  await eventually(async () => {
    clock.now += 500
    worker.poke()
    const rows = await Promise.all(ids.map((id) => store.pushOutbox.get(id)))
    return rows.every((row) => row?.accepted === 1)
  })
  await allCame()
  for (const token of tokens) t.ok(came(token) <= 2)
})

t.test('one slow answer holds no other device’s push, though there be more than places', async (t) => {
  const { apns, ids, wantAll, allCame, tokens, came, store } = await fleet(t, 510)
  const [slow, ...others] = tokens
  const held = Promise.withResolvers<ScriptedAnswer>()
  apns.decide((token) => (token === slow ? held.promise : undefined))
  await wantAll()
  await eventually(() => others.every((token) => came(token) === 1))
  t.equal((await store.pushOutbox.get(ids[0] as string))?.failures, 0, 'that one has no outcome yet')
  held.resolve({ status: 200 })
  await allCame()
  t.equal(apns.requests, ids.length, 'each was made once')
})

t.test('Apple’s limit on streams counts from when it changes', async (t) => {
  const { apns, wantAll, allCame, pushed } = await fleet(t, 60, { streams: 2 })
  let seen = 0
  apns.decide(() => {
    if (++seen === 10) apns.limit(50)
    if (seen === 40) apns.limit(3)
    return undefined
  })
  await wantAll()
  await allCame()
  await eventually(() => pushed.length >= 60)
  t.ok(apns.mostStreams > 2, 'it rises')
  t.ok(apns.connections <= 2)
  t.ok(pushed.every(({ verdict }) => verdict === 'accepted'))
})

t.test('while Apple answers 503, each connection waits longer than the one before', async (t) => {
  const waits: number[] = []
  const { apns, wantAll, allCame, clock, worker, pushed } = await fleet(t, 8, {
    sleep: async (ms, signal) => {
      waits.push(ms)
      await delay(Math.min(ms, 20), undefined, { signal })
    },
  })
  apns.answer({ status: 503, reason: 'ServiceUnavailable' }, 8)
  await wantAll()
  await eventually(() => pushed.length >= 8)
  const doubling = [750, 1_500, 3_000, 6_000, 12_000, 24_000, 48_000, 96_000]
  const between = waits.filter((ms) => doubling.includes(ms))
  t.strictSame(between, doubling.slice(0, between.length))
  t.ok(
    apns.connections <= between.length + 2,
    `${apns.connections} connections after ${between.length} waits`,
  )
  clock.now += minute
  worker.poke()
  await allCame()
})

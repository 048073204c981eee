/** Devices that want a push, and a service that does what it likes: each is called in the end, and none is pestered. */
import t, { type Test } from 'tap'
import type { GoawayManner, ScriptedAnswer } from '../../sim/apns.ts'
import type { StoreLocation } from '../../src/store/location.ts'
import { eventually } from '../helpers/eventually.ts'
import { postgresServer } from '../helpers/postgres.ts'
import { apnsUnderTest, workerUnderTest } from './support.ts'

const devices = 150
const faultyRequests = 400
const minute = 60_000
const hour = 60 * minute

/** The least that passes after so many pushes in a row that Apple looked at, and none of which we know to be accepted. */
function leastWait(inRow: number): number {
  return 0.8 * Math.min(1_000 * 4 ** (inRow - 1), 30 * minute)
}

/** Whether a token was asked for at these times and none was too early. An hour may mean that the one before was accepted. */
function keepsTheSchedule(times: readonly number[]): boolean {
  let inRow = 0
  return times.every((time, index) => {
    const waited = time - (times[index - 1] ?? -Infinity)
    inRow = waited >= hour ? 0 : inRow + 1
    return waited >= leastWait(inRow)
  })
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const answers: readonly ScriptedAnswer[] = [
  'refused',
  'cut',
  'silent',
  { status: 429, reason: 'TooManyRequests' },
  { status: 500, reason: 'InternalServerError' },
  { status: 503, reason: 'ServiceUnavailable' },
  { status: 503, reason: 'Shutdown' },
]
const manners: readonly GoawayManner[] = ['graceful', 'abrupt', 'faithless']

function pick<T>(from: readonly T[], random: () => number): T {
  return from[Math.floor(random() * from.length)] as T // random() is below 1
}

async function storm(t: Test, seed: number, location?: StoreLocation): Promise<void> {
  const random = seeded(seed)
  const service = await apnsUnderTest(t, { streams: 20 })
  const { apns } = service
  const parts = await workerUnderTest(t, service, { random, timeout: 500, ...(location && { location }) })
  const { enrol, store, clock, worker, pushed, conditions, end } = parts
  const tokens = new Map<string, string>()
  for (let index = 0; index < devices; index++) tokens.set(await enrol(`phone-${index}`), `phone-${index}`)
  const dead = [...tokens.keys()].filter(() => random() < 0.05)
  const looked = new Map<string, number[]>([...tokens.keys()].map((token) => [token, []]))
  const fault = (token: string): ScriptedAnswer | undefined => {
    if (dead.includes(token)) return { status: 410, reason: 'ExpiredToken', timestamp: clock.now }
    if (apns.requests > faultyRequests || random() > 0.4) return undefined
    if (random() < 0.05) apns.goaway(pick(['Shutdown', undefined], random), pick(manners, random))
    if (random() < 0.05) apns.limit(1 + Math.floor(random() * 30))
    return pick(answers, random)
  }
  apns.decide((token) => {
    const answer = fault(token)
    // What was refused unseen may be made again at once.
    if (answer !== 'refused') looked.get(token)?.push(clock.now)
    return answer
  })
  for (const id of tokens.values()) await store.pushOutbox.wantPush(id, clock.now)
  worker.poke()

  const accepted = (token: string) => apns.pushes.filter((push) => push.token === token).length
  const begin = clock.now
  await eventually(async () => {
    clock.now += 10_000
    worker.poke()
    const live = [...tokens.keys()].filter((token) => !dead.includes(token))
    return live.every((token) => accepted(token) > 0) && (await store.pushOutbox.size()) === live.length
  })
  await end()
  const hours = Math.floor((clock.now - begin) / hour)
  for (const [token, id] of tokens) {
    if (dead.includes(token))
      t.equal(await store.enrollments.pushTarget(id), undefined, `${id} is called no more`)
    else t.ok(accepted(token) > 0, `${id} is called, seed ${seed}`)
    const times = looked.get(token) ?? []
    t.ok(keepsTheSchedule(times), `${id} asked for at ${times.map((time) => time - begin)}, seed ${seed}`)
    const known = pushed.filter(({ enrollment, verdict }) => enrollment === id && verdict === 'accepted')
    t.ok(known.length <= 1 + hours, `${id} called ${known.length} times in ${hours} hours, seed ${seed}`)
  }
  t.notOk(
    conditions.some(([ok]) => !ok),
    'none of it is everybody’s fault',
  )
}

for (const seed of [1, 7, 42])
  t.test(`whatever faults Apple has, each device is called in the end (seed ${seed})`, (t) => storm(t, seed))

t.test('the same with the record in PostgreSQL', async (t) => {
  const server = await postgresServer(t)
  await storm(t, 3, await server.createLocation())
})

t.test('devices that give tokens which are none stop nobody else’s pushes', async (t) => {
  const service = await apnsUnderTest(t)
  const { apns } = service
  const { enrol, store, clock, worker, conditions } = await workerUnderTest(t, service)
  await enrol('phone')
  await store.pushOutbox.wantPush('phone', clock.now)
  worker.poke()
  await eventually(() => apns.pushes.length === 1)
  const simulated = Array.from({ length: 20 }, (_, index) => `simulated-${index}`)
  for (const id of simulated) apns.answer({ status: 400, reason: 'BadDeviceToken' }, 1, await enrol(id))
  for (const id of simulated) await store.pushOutbox.wantPush(id, clock.now)
  worker.poke()
  await eventually(async () => {
    for (const id of simulated) if ((await store.enrollments.pushTarget(id)) !== undefined) return false
    return true
  })
  await store.pushOutbox.wantPush('phone', clock.now)
  worker.poke()
  await eventually(() => apns.pushes.length === 2)
  t.notOk(
    conditions.some(([ok]) => !ok),
    'Apple has pushed with this certificate: it is not the environment that is wrong',
  )
})

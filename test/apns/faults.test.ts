/** Devices that want a push, and a service that does what it likes: each is called in the end, and none is pestered. */
import t, { type Test } from 'tap'
import type { GoawayManner, ScriptedAnswer } from '../../sim/apns.ts'
import type { StoreLocation } from '../../src/store/location.ts'
import { eventually } from '../helpers/eventually.ts'
import { postgresServer } from '../helpers/postgres.ts'
import { apnsUnderTest, workerUnderTest } from './support.ts'

const devices = 150
const faultyRequests = 400
/** For one token: requests, and those accepted although an acceptance before had not reached us. */
const mostRequests = 20
const mostTwice = 10
const hour = 60 * 60_000

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
  const { enrol, store, clock, worker, conditions, end } = parts
  const tokens = new Map<string, string>()
  for (let index = 0; index < devices; index++) tokens.set(await enrol(`phone-${index}`), `phone-${index}`)
  const dead = [...tokens.keys()].filter(() => random() < 0.05)
  const asked = new Map<string, number>()
  apns.decide((token) => {
    asked.set(token, (asked.get(token) ?? 0) + 1)
    if (dead.includes(token)) return { status: 410, reason: 'ExpiredToken', timestamp: clock.now }
    if (apns.requests > faultyRequests || random() > 0.4) return undefined
    if (random() < 0.05) apns.goaway(pick(['Shutdown', undefined], random), pick(manners, random))
    if (random() < 0.05) apns.limit(1 + Math.floor(random() * 30))
    return pick(answers, random)
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
  const most = mostTwice + Math.ceil((clock.now - begin) / hour)
  for (const [token, id] of tokens) {
    const times = accepted(token)
    if (dead.includes(token))
      t.equal(await store.enrollments.pushTarget(id), undefined, `${id} is called no more`)
    else t.ok(times >= 1 && times <= most, `${id} accepted ${times} times, seed ${seed}`)
    t.ok((asked.get(token) ?? 0) <= mostRequests, `${id} asked for ${asked.get(token)} times, seed ${seed}`)
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

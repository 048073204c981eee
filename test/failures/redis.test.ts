import t, { type Test } from 'tap'
import { wifi } from '../helpers/chat.ts'
import { eventually } from '../helpers/eventually.ts'
import { shows } from '../supervisor/support.ts'
import {
  conditions,
  counts,
  isAlive,
  isUnwell,
  isWell,
  knownDevice,
  load,
  messages,
  otherLines,
  type Site,
  site,
  stranger,
} from './support.ts'

/** Whatever became of Redis: the record answers, within a deadline that nobody notices, and says who may come in. */
async function goesOnByTheRecord(t: Test, one: Site, cookie: string): Promise<void> {
  const { first } = one
  const known = await load(() => messages(first, cookie), { clients: 8, each: 20 })
  t.strictSame(counts(known), { 200: 160 }, 'a known device')
  const unknown = await load(() => messages(first, stranger), { clients: 8, each: 20 })
  t.strictSame(counts(unknown), { 403: 160 }, 'nobody unregistered')
  t.comment(`slowest answers: ${Math.round(known.slowest)} and ${Math.round(unknown.slowest)} ms`)
  // The machine may be busy with others. Whoever waited for what is slow by ten seconds comes later.
  t.ok(Math.max(known.slowest, unknown.slowest) < 9_000, 'nothing piles up')
  const fresh = await first.signIn(wifi, { user: 'bob' })
  t.equal(fresh.status, 302, 'devices register')
  t.equal((await messages(first, fresh.cookies.join('; '))).status, 200)
  t.ok(await isAlive(first))
  const { status, parts } = await first.ready()
  t.equal(status, 200, 'ready: without Redis the gateway serves')
  t.equal(parts.record?.ok, true)
}

const faults: Readonly<
  Record<string, { readonly begin: (one: Site) => unknown; readonly end: (one: Site) => unknown }>
> = {
  'stopped in order': { begin: ({ redis }) => redis.stop(), end: ({ redis }) => redis.start() },
  killed: { begin: ({ redis }) => redis.kill(), end: ({ redis }) => redis.start() },
  'standing still': { begin: ({ redis }) => redis.pause(), end: ({ redis }) => redis.resume() },
  'slow by ten seconds': {
    begin: ({ toRedis }) => toRedis.delay(10_000),
    end: ({ toRedis }) => toRedis.restore(),
  },
  'behind a network that swallows everything': {
    begin: ({ toRedis }) => toRedis.hold(),
    end: ({ toRedis }) => toRedis.restore(),
  },
}

t.test('Redis fails under load: the record answers in its place, and one line says so', async (t) => {
  // The machine may be busy: what is shown here is not how fast the record is.
  const one = await site(t, { limits: 'recordTimeout: 5s' })
  const { first } = one
  const cookie = await knownDevice(one)
  for (const [fault, { begin, end }] of Object.entries(faults)) {
    await t.test(fault, async (t) => {
      const before = conditions(first).length
      const noise = otherLines(first).length
      await begin(one)
      await goesOnByTheRecord(t, one, cookie)
      await isUnwell(first, 'redis')
      t.match((await first.ready()).parts.redis?.detail, /\w+/)
      await shows(first, 'gatehouse_redis_available', 0)
      await goesOnByTheRecord(t, one, cookie)
      await end(one)
      await isWell(first, 'redis')
      t.equal((await messages(first, cookie)).status, 200)
      await shows(first, 'gatehouse_redis_available', 1)
      await eventually(() => conditions(first).at(-1) === '+redis')
      t.strictSame(conditions(first).slice(before), ['-redis', '+redis'], 'one line for each change')
      t.strictSame(otherLines(first).slice(noise), [], 'and no other')
    })
  }
})

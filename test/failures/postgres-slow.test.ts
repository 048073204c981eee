import pg from 'pg'
import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import {
  counts,
  type Fault,
  knownDevice,
  load,
  messages,
  type Site,
  site,
  theRecordFails,
} from './support.ts'

const hogs: pg.Client[] = []

/** Another program takes every connection that the server has. */
async function takeAllConnections({ postgres }: Site): Promise<void> {
  const { host, port, user } = postgres
  const take = async () => {
    const hog = new pg.Client({ host, port, user, database: 'postgres' })
    hog.on('error', () => {})
    await hog.connect()
    hogs.push(hog)
    return hog
  }
  const first = await take()
  for (;;) {
    const taken = await take().catch(() => undefined)
    if (taken !== undefined) continue
    const { rows } = await first.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'gatehouse'",
    )
    if (rows.length === 0) return
  }
}

const faults: Readonly<Record<string, Fault>> = {
  'standing still': { begin: ({ postgres }) => postgres.pause(), end: ({ postgres }) => postgres.resume() },
  'slow by ten seconds': {
    begin: ({ toPostgres }) => toPostgres.delay(10_000),
    end: ({ toPostgres }) => toPostgres.restore(),
  },
  'behind a network that swallows everything': {
    begin: ({ toPostgres }) => toPostgres.hold(),
    end: ({ toPostgres }) => toPostgres.restore(),
  },
  'full of others’ connections': {
    begin: takeAllConnections,
    end: () => Promise.all(hogs.splice(0).map((hog) => hog.end())),
  },
}

t.test('PostgreSQL does not answer: no request waits for it longer than its deadline', async (t) => {
  const one = await site(t, { postgresSettings: { max_connections: '30' }, limits: 'recordTimeout: 1s' })
  t.teardown(() => Promise.all(hogs.splice(0).map((hog) => hog.end())))
  const cookie = await knownDevice(one)
  for (const [name, fault] of Object.entries(faults)) {
    await t.test(name, (t) => theRecordFails(t, one, cookie, fault))
  }
})

t.test(
  'connections that break again and again, as when the server fails over, are nobody’s outage',
  async (t) => {
    const one = await site(t)
    const { first, toPostgres } = one
    const cookie = await knownDevice(one)
    const breaking = setInterval(() => toPostgres.cut(), 150)
    t.teardown(() => clearInterval(breaking))
    const known = await load(() => messages(first, cookie), { clients: 8, each: 50 })
    clearInterval(breaking)
    t.strictSame(counts(known), { 200: 400 })
    t.equal(first.child.exitCode, null)
    await eventually(async () => (await first.ready()).status === 200)
  },
)

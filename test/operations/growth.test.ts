/** What must not grow with the record, shown by what shows the rule; how fast it is, `npm run bench -- growth start` tells. */
import { join } from 'node:path'
import { CompiledQuery } from 'kysely'
import t, { type Test } from 'tap'
import { deviceSecret, registrationId, seedRecord } from '../../bench/seed.ts'
import { clientKey } from '../../src/clients/client-key.ts'
import type { StoreLocation } from '../../src/store/location.ts'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/ports.ts'
import { lookupQuery } from '../../src/store/registrations.ts'
import { withSqliteAlone } from '../../src/store/sqlite.ts'
import { eventually } from '../helpers/eventually.ts'
import { postgresServer } from '../helpers/postgres.ts'
import { key, registration } from '../store/contract/values.ts'
import { installation, upstream } from './support.ts'

const server = await postgresServer(t)
const seed = { registrations: 20_000, service: 'chat', registeredAt: Date.now() - 60_000 }
const hashOf = (n: number) => clientKey('chat', 'cookie', deviceSecret(n)).hash

const places: Readonly<Record<string, (t: Test) => Promise<StoreLocation>>> = {
  SQLite: async (t) => ({ kind: 'sqlite', path: join(t.testdir(), 'record.db') }),
  PostgreSQL: () => server.createLocation(),
}

t.test('no request goes through all of a large table', async (t) => {
  const location = await server.createLocation()
  await seedRecord(location, seed)
  const url = server.url.replace(/postgres$/, location.database)
  await server.query(
    url,
    `insert into grants select 'g' || n, 'chat', 'ann', ${Date.now() + 3_600_000} + n from generate_series(1, 5000) n`,
  )
  await server.query(url, 'analyze')
  await server.query(url, 'select pg_stat_reset()')
  const store = await openStore(location, { now: Date.now })
  await everythingThatRequestsAsk(store)
  await store.close()
  const large = `relname in ('registrations', 'registration_keys', 'grants', 'audit', 'changes')`
  const read = `select relname, seq_scan, idx_scan from pg_stat_user_tables where ${large}`
  const scans = await eventually(async () => {
    const rows = await server.query(url, read)
    return Number(rows.find(({ relname }) => relname === 'registrations')?.idx_scan) > 0 && rows
  })
  for (const { relname, seq_scan } of scans) {
    // Tables of a few rows are read as a whole, which is quicker than an index.
    if (relname !== 'audit' && relname !== 'changes') t.equal(Number(seq_scan), 0, String(relname))
  }
})

/** Each several times, since PostgreSQL reports how it went only now and then. */
async function everythingThatRequestsAsk(store: Store): Promise<void> {
  const now = Date.now()
  for (let n = 0; n < 3; n++) {
    await store.registrations.findByKeys([hashOf(n), 'nobody’s'], now)
    await store.registrations.get(registrationId(n))
    await store.registrations.list({ limit: 50, after: registrationId(10_000) })
    await store.registrations.list({ limit: 50, user: 'user10000007' })
    await store.registrations.list({ limit: 50, blocked: true })
    await store.grants.userOf('g7', now)
    await store.approvals.findByKeys([hashOf(n)], 'ann')
    await store.registrations.register(registration(`r_new${n}`), [key(`new${n}`)], 10)
    await store.registrations.addKeys(registrationId(n), [key(`more${n}`, now + 1000)])
    await store.registrations.block(registrationId(n), { name: 'root', why: 'lost', at: now })
    await store.retention.removeExpired(now, 500)
    await store.changes.since(await store.changes.latest(), 500)
  }
}

for (const [name, place] of Object.entries(places)) {
  t.test(
    `${name}: whoever turns the pages of the list sees each device once, while others register`,
    async (t) => {
      const location = await place(t)
      await seedRecord(location, { ...seed, registrations: 1000 })
      const store = await openStore(location, { now: Date.now })
      t.teardown(() => store.close())
      const seen: string[] = []
      for (let page = 0; ; page++) {
        const after = seen.at(-1)
        const states = await store.registrations.list({ limit: 90, ...(after !== undefined && { after }) })
        if (states.length === 0) break
        seen.push(...states.map((state) => state.registration.id))
        const id = `r_late${page}`
        await store.registrations.register(
          registration(id, { user: id, registeredAt: Date.now() }),
          [key(id)],
          10,
        )
      }
      const expected = Array.from({ length: 1000 }, (_, n) => registrationId(999 - n))
      t.strictSame(seen, expected, 'newest first, and those that came later on no page')
    },
  )

  t.test(`${name}: where nobody signs in, the millionth device registers as the first did`, async (t) => {
    const location = await place(t)
    await seedRecord(location, { ...seed, registrations: 1000 })
    const store = await openStore(location, { now: Date.now })
    t.teardown(() => store.close())
    const one = { user: 'user10000000', service: 'chat' }
    const limits = { 2: 'limit', 3: 'registered' } as const
    for (const [limit, outcome] of Object.entries(limits)) {
      const id = `r_${limit}`
      t.match(await store.registrations.register(registration(id, one), [key(id)], Number(limit)), {
        outcome,
      })
    }
    const unlimited = await store.registrations.register(
      registration('r_any', one),
      [key('any')],
      Number.MAX_SAFE_INTEGER,
    )
    t.equal(unlimited.outcome, 'registered')
  })
}

t.test('SQLite looks a device up by its key, not by going through them', async (t) => {
  const path = join(t.testdir(), 'record.db')
  await seedRecord({ kind: 'sqlite', path }, { ...seed, registrations: 2000 })
  const plan = await withSqliteAlone(path, async (db) => {
    const query = lookupQuery({ read: db, write: db, now: Date.now, newId: () => '' }, ['a', 'b'], 1)
    const { sql, parameters } = query.compile()
    const explained = CompiledQuery.raw(`explain query plan ${sql}`, [...parameters])
    return (await db.executeQuery<{ detail: string }>(explained)).rows
  })
  t.strictSame(
    plan.map(({ detail }) => detail.split(' ').slice(0, 2).join(' ')),
    ['SEARCH registration_keys', 'SEARCH registrations'],
  )
})

t.test('the states in memory stay within both limits, however many devices come', async (t) => {
  const target = await upstream(t, (_request, response) => response.end('hello'))
  for (const [limits, most] of [
    ['hotDevices: 50', { devices: 50, bytes: 1024 * 1024 }],
    ['hotMemory: 64KiB', { devices: 400, bytes: 64 * 1024 }],
  ] as const) {
    const installed = await installation(t, {
      upstream: target,
      listen: ['http://127.0.0.1:0'],
      settings: `limits: { drainFor: 1s, ${limits} }`,
    })
    await seedRecord({ kind: 'sqlite', path: installed.recordFile }, { ...seed, registrations: 1000 })
    const gateway = await installed.start()
    for (let n = 0; n < 400; n++) {
      const { status } = await gateway.ask({ headers: { cookie: `gatehouse-device=${deviceSecret(n)}` } })
      if (status !== 200) t.fail(`device ${n} got ${status}`)
    }
    const [devices = 0, bytes = 0] = await Promise.all([
      gateway.metric('gatehouse_hot_devices'),
      gateway.metric('gatehouse_hot_bytes'),
    ])
    t.ok(devices > 10 && devices <= most.devices, `${limits}: ${devices} keys`)
    t.ok(bytes > 1000 && bytes <= most.bytes, `${limits}: ${bytes} bytes`)
    await gateway.kill()
  }
})

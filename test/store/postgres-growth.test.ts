import { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from 'kysely'
import t from 'tap'
import { openStore } from '../../src/store/open.ts'
import type { RegistrationQuery } from '../../src/store/ports.ts'
import { registrationsQuery } from '../../src/store/registrations.ts'
import type { Schema } from '../../src/store/schema.ts'
import { postgresServer } from '../helpers/postgres.ts'
import { start } from './contract/values.ts'

const server = await postgresServer(t)

function compile(query: Omit<RegistrationQuery, 'limit'>): string {
  const db = new Kysely<Schema>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (kysely) => new PostgresIntrospector(kysely),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  })
  const database = { read: db, write: db, now: () => start, newId: () => '' }
  const after = { registered_at: start + 30_000, id: 'r_090000' }
  const { sql, parameters } = registrationsQuery(database, { ...query, limit: 50 }, after).compile()
  return sql.replace(/\$(\d+)/g, (_, n) => {
    const value = parameters[Number(n) - 1]
    return typeof value === 'string' ? `'${value}'` : String(value)
  })
}

t.test('a list of 100,000 registrations is paged by an index, in order, without a sort', async (t) => {
  const location = await server.createLocation()
  const store = await openStore(location, { now: () => start })
  t.teardown(() => store.close())
  const url = server.url.replace(/postgres$/, location.database)
  await server.query(
    url,
    `insert into registrations (id, service, user_name, binding, device, evidence, networks, rule, source,
       registered_at, posture, blocked, blocked_at, blocked_by, blocked_why, version)
     select 'r_' || lpad(i::text, 6, '0'), case when i % 3 = 0 then 'sso' else 'mail' end, 'user' || (i % 1000), 'cookie', '{}',
       '["network"]', '[]', 'Wi-Fi', '127.20.0.5', ${start} + i / 3, '{"state":"unknown","match":"none"}', i % 50 / 49,
       case when i % 50 = 49 then 1 end, case when i % 50 = 49 then 'root' end, case when i % 50 = 49 then 'lost' end, i
     from generate_series(1, 100000) as i`,
  )
  await server.query(
    url,
    `insert into registration_keys (hash, registration_id, binding, position)
       select 'h' || id, id, 'cookie', 1 from registrations`,
  )
  await server.query(url, 'analyze')
  const first = await store.registrations.list({ limit: 1000 })
  const second = await store.registrations.list({ limit: 3, after: first.at(-1)!.registration.id })
  t.match([first[0]?.registration.id, first.length], ['r_100000', 1000])
  t.strictSame(
    second.map((state) => state.registration.id),
    ['r_099000', 'r_098999', 'r_098998'],
  )
  const queries: readonly Omit<RegistrationQuery, 'limit'>[] = [
    {},
    { service: 'mail' },
    { user: 'user7' },
    { user: 'user7', service: 'mail' },
    { blocked: true },
  ]
  for (const query of queries) {
    const plan = await explain(url, compile(query))
    t.match(plan, /Index Scan .*using registrations_by_/, JSON.stringify(query))
    t.notMatch(plan, /Sort|Seq Scan/, JSON.stringify(query))
  }
  const lookup = `select * from registration_keys k join registrations r on r.id = k.registration_id where hash in ('hr_000007', 'x')`
  t.notMatch(await explain(url, lookup), /Seq Scan/)
})

async function explain(url: string, sql: string): Promise<string> {
  const rows = await server.query(url, `explain ${sql}`)
  return rows.map((row) => row['QUERY PLAN']).join('\n')
}

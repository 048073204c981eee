import { chmodSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely'
import t, { type Test } from 'tap'
import { clientKey } from '../../src/clients/client-key.ts'
import { canonicalJson } from '../../src/lib/canonical-json.ts'
import { sha256 } from '../../src/lib/hash.ts'
import { migrations } from '../../src/store/migrations/table.ts'
import type { RegistrationQuery, Store } from '../../src/store/ports.ts'
import { registrationsQuery } from '../../src/store/registrations.ts'
import type { Schema } from '../../src/store/schema.ts'
import { migrateSqlite, openSqliteStore, sqliteMigrationStatus } from '../../src/store/sqlite.ts'
import { certificate } from './contract/certificates.ts'
import { admin, key, registration, start } from './contract/values.ts'

const options = { now: () => start }

async function open(t: Test, path: string): Promise<Store> {
  const store = await openSqliteStore(path, options)
  t.teardown(() => store.close())
  return store
}

/** Somebody with write access to the file, and without this program. */
function tamper(path: string, ...statements: readonly string[]): void {
  const database = new DatabaseSync(path)
  for (const statement of statements) database.exec(statement)
  database.close()
}

t.test('the record is readable by its owner alone, in a folder of its own', async (t) => {
  const folder = join(t.testdir(), 'data')
  const store = await open(t, join(folder, 'record.db'))
  await store.registrations.register(registration('r_1'), [key('a')], 10)
  const mode = (path: string) => statSync(path).mode & 0o777
  t.equal(mode(folder), 0o700)
  t.strictSame(readdirSync(folder).sort(), ['record.db', 'record.db-shm', 'record.db-wal'])
  for (const file of readdirSync(folder)) t.equal(mode(join(folder, file)), 0o600, file)
})

t.test('a record that others could read is closed to them, and that is logged', async (t) => {
  const path = join(t.testdir(), 'record.db')
  await (await openSqliteStore(path, options)).close()
  chmodSync(path, 0o644)
  const warnings: string[] = []
  const logger = { warn: (_: object, message: string) => warnings.push(message) }
  const store = await openSqliteStore(path, { ...options, logger })
  t.teardown(() => store.close())
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.match(warnings, [/readable by others/])
})

t.test('a secret that a client holds is nowhere in the file', async (t) => {
  const folder = t.testdir()
  const store = await open(t, join(folder, 'record.db'))
  const secret = 'VGhpcyBpcyB0aGUgY29va2ll'
  const cookie = clientKey('mail', 'cookie', secret)
  await store.registrations.register(registration('r_1'), [cookie], 10)
  await store.grants.add([clientKey('mail', 'key', secret)], 'mail', 'ann')
  t.ok(await store.registrations.findByKeys([cookie.hash], start))
  for (const file of readdirSync(folder)) t.notOk(readFileSync(join(folder, file)).includes(secret), file)
})

t.test('a record of a newer version is refused, naming the version, and left alone', async (t) => {
  const path = join(t.testdir(), 'record.db')
  await (await openSqliteStore(path, options)).close()
  tamper(path, `insert into kysely_migration values ('9999-future', '2030-01-01T00:00:00.000Z')`)
  const newer = { code: 'newer-version', message: /9999-future.*newer program/ }
  await t.rejects(openSqliteStore(path, options), newer)
  await t.rejects(migrateSqlite(path), newer)
  await t.rejects(sqliteMigrationStatus(path), newer)
})

t.test('migrations are listed and applied once', async (t) => {
  const path = join(t.testdir(), 'record.db')
  const all = Object.keys(migrations)
  t.strictSame(await sqliteMigrationStatus(path), { applied: [], pending: all })
  t.strictSame(await migrateSqlite(path), all)
  t.strictSame(await migrateSqlite(path), [])
  t.strictSame(await sqliteMigrationStatus(path), { applied: all, pending: [] })
})

t.test('every file of the migrations stands in their table, in order', async (t) => {
  const files = readdirSync(join(import.meta.dirname, '../../src/store/migrations')).sort()
  t.strictSame(
    files.filter((file) => file !== 'table.ts'),
    Object.keys(migrations).map((name) => `${name}.ts`),
  )
})

t.test('an audit record that was edited, removed, added or cut off at the end is found', async (t) => {
  const edits: Readonly<Record<string, readonly [string, number]>> = {
    edited: [`update audit set actor = 'nobody' where sequence = 2`, 2],
    'edited in its details': [`update audit set details = '{}' where sequence = 1`, 1],
    'made unreadable': [`update audit set details = '{' where sequence = 3`, 3],
    removed: ['delete from audit where sequence = 2', 2],
    'cut off': ['delete from audit where sequence = 3', 3],
    added: [
      `insert into audit select 4, at, action, actor, subject, why, details, hash, hash from audit where sequence = 3`,
      4,
    ],
  }
  for (const [name, [statement, sequence]] of Object.entries(edits)) {
    await t.test(name, async (t) => {
      const path = join(t.testdir(), 'record.db')
      const store = await open(t, path)
      await store.registrations.register(registration('r_1'), [key('a')], 10)
      await store.registrations.block('r_1', admin)
      await store.registrations.forget('r_1', admin)
      t.equal(await store.audit.verify(), undefined)
      tamper(path, statement)
      t.equal(await store.audit.verify(), sequence)
    })
  }
})

t.test('an audit record that was rewritten with a fitting hash is found by the one after it', async (t) => {
  const path = join(t.testdir(), 'record.db')
  const store = await open(t, path)
  await store.registrations.register(registration('r_1'), [key('a')], 10)
  await store.registrations.block('r_1', admin)
  const [first] = await store.audit.list({ limit: 1, after: 0 })
  const { hash: _, ...forged } = { ...first!, actor: 'nobody' }
  tamper(
    path,
    `update audit set actor = 'nobody', hash = '${sha256(canonicalJson(forged))}' where sequence = 1`,
  )
  t.equal(await store.audit.verify(), 2)
})

t.test(
  'a row that this program did not write is an error, not a device with fewer restrictions',
  async (t) => {
    const edits = [
      `update registrations set device = '{"colour":"red"}'`,
      `update registrations set evidence = 'network'`,
      `update registrations set binding = 'friendship'`,
      'update registrations set blocked_at = null',
      'update registrations set blocked = 0',
    ]
    for (const edit of edits) {
      const path = join(t.testdir(), 'record.db')
      const store = await openSqliteStore(path, options)
      await store.registrations.register(registration('r_1'), [key('a')], 10)
      await store.registrations.block('r_1', admin)
      tamper(path, edit)
      await t.rejects(store.registrations.findByKeys(['a'], start), { code: 'corrupt' }, edit)
      await store.close()
    }
  },
)

t.test('what is no record, cannot be opened or is closed says so', async (t) => {
  const folder = t.testdir({ 'notes.txt': 'x'.repeat(4096) })
  await t.rejects(openSqliteStore(join(folder, 'notes.txt'), options), { code: 'corrupt' })
  await t.rejects(openSqliteStore(join(folder, 'notes.txt', 'record.db'), options), { code: 'cannot-open' })
  const store = await openSqliteStore(join(folder, 'record.db'), options)
  await store.ping()
  await store.close()
  await t.rejects(store.ping(), { code: 'closed' })
  await t.rejects(store.registrations.block('r_1', admin), { code: 'closed' })
})

t.test('a record whose file is damaged does not answer, and a write to it is not half done', async (t) => {
  const path = join(t.testdir(), 'record.db')
  const store = await open(t, path)
  tamper(path, 'drop table changes')
  await t.rejects(store.registrations.register(registration('r_1'), [key('a')], 10), { code: 'failed' })
  t.equal(await store.registrations.get('r_1'), undefined)
  t.strictSame(await store.audit.list({ limit: 10 }), [])
})

t.test('a list of 100,000 registrations is paged by an index, in order, without a sort', async (t) => {
  const path = join(t.testdir(), 'record.db')
  const store = await open(t, path)
  tamper(
    path,
    `with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000)
     insert into registrations (id, service, user_name, binding, device, evidence, networks, rule, source,
     registered_at, posture, blocked, blocked_at, blocked_by, blocked_why, version) select printf('r_%06d', i), 'mail', 'user' || (i % 1000), 'cookie', '{}',
     '["network"]', '[]', 'Wi-Fi', '127.20.0.5', ${start} + i / 3, '{"state":"unknown","match":"none"}',
     0, null, null, null, i from n`,
  )
  const first = await store.registrations.list({ limit: 1000 })
  const second = await store.registrations.list({ limit: 5, after: first.at(-1)!.registration.id })
  t.match([first[0]?.registration.id, first.length], ['r_100000', 1000])
  t.strictSame(
    second.map((state) => state.registration.id),
    ['r_099000', 'r_098999', 'r_098998', 'r_098997', 'r_098996'],
  )
  const database = new DatabaseSync(path)
  t.teardown(() => database.close())
  const indexes: readonly (readonly [string, Omit<RegistrationQuery, 'limit'>])[] = [
    ['time', {}],
    ['service', { service: 'mail' }],
    ['user_time', { user: 'user7' }],
    ['user', { user: 'user7', service: 'mail' }],
    ['block', { blocked: true }],
  ]
  for (const [index, query] of indexes) {
    const [plan, ...rest] = planOf(database, query)
    t.ok(plan?.startsWith(`SEARCH registrations USING INDEX registrations_by_${index} (`), String(plan))
    t.strictSame(rest, [], 'no sort')
  }
})

function planOf(database: DatabaseSync, query: Omit<RegistrationQuery, 'limit'>): string[] {
  const db = new Kysely<Schema>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (kysely) => new SqliteIntrospector(kysely),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  })
  const after = { registered_at: start, id: 'r_000001' }
  const compiled = registrationsQuery(
    { read: db, write: db, now: () => start, newId: () => '' },
    { ...query, limit: 50 },
    after,
  ).compile()
  const rows = database
    .prepare(`explain query plan ${compiled.sql}`)
    .all(...(compiled.parameters as (string | number)[]))
  return rows.map((row) => String(row.detail))
}

t.test('an unused identity that cannot be revoked is told, and keeps no other from it', async (t) => {
  const path = join(t.testdir(), 'record.db')
  const { certificates } = await open(t, path)
  for (const serial of ['A1', 'B1'])
    await certificates.issue(certificate(serial, { enrollment: serial }), { name: 'scep', at: start })
  tamper(
    path,
    `create trigger broken before update on certificates when new.serial = 'A1'
     begin select raise(abort, 'this row is broken'); end`,
  )
  const unused = { after: 0, before: start + 100, atMost: 10 }
  await t.rejects(certificates.revokeUnused(unused, admin), /constraint failed/)
  t.equal((await certificates.bySerial('A1'))?.revoked, undefined)
  t.match((await certificates.bySerial('B1'))?.revoked, { reason: 'cessationOfOperation' })
})

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import type { PostgresLocation, SqliteLocation, StoreLocation } from '../../src/store/location.ts'
import { openStore } from '../../src/store/open.ts'
import { withPostgres } from '../../src/store/postgres.ts'
import { readTables } from '../../src/store/tables.ts'
import { transferRecord } from '../../src/store/transfer.ts'
import { temporaryFolder } from '../helpers/certificates.ts'
import { postgresServer } from '../helpers/postgres.ts'
import { admin, key, registration, start } from './contract/values.ts'

const server = await postgresServer(t)
const options = { now: () => start }
const script = join(import.meta.dirname, 'processes/transfer.ts')

function sqlite(t: Test): SqliteLocation {
  return { kind: 'sqlite', path: join(temporaryFolder(t), 'record.db') }
}

/** An installation with something in most tables, and odd text. */
async function installation(t: Test, clients = 3): Promise<SqliteLocation> {
  const location = sqlite(t)
  const store = await openStore(location, options)
  for (let n = 0; n < clients; n++) {
    const one = registration(`r_${n}`, {
      user: n % 2 === 0 ? 'Änne “ß” \u{1F600}' : 'bob',
      registeredAt: start + n,
    })
    await store.registrations.register(one, [key(`k${n}`), key(`K${n}`, start + 1e9)], clients)
  }
  await store.registrations.block('r_1', admin)
  await store.grants.add([key('granted')], 'mail', 'eve')
  await store.bypasses.open({ service: 'mail', until: start + 1e9, by: admin })
  await store.keys.getOrCreate('signing', () => 'of this installation')
  await store.approvals.request(
    { service: 'mail', device: {}, source: '203.0.113.7', rule: 'x', keys: [key('w')], at: start },
    10,
  )
  await store.close()
  return location
}

async function facts(location: StoreLocation) {
  const store = await openStore(location, options)
  try {
    return {
      registrations: await store.registrations.list({ limit: 1000 }),
      audit: await store.audit.list({ limit: 1000 }),
      whole: await store.audit.verify(),
      changes: [await store.changes.latest(), await store.changes.since(0, 1000)],
      bypasses: await store.bypasses.active(start),
      approvals: await store.approvals.list(undefined, 10),
      signing: await store.keys.getOrCreate('signing', () => 'another'),
      granted: await store.grants.userOf('granted', start),
      found: await store.registrations.findByKeys(['K1'], start),
    }
  } finally {
    await store.close()
  }
}

t.test('an installation moves to PostgreSQL, and back, and is the same', async (t) => {
  const from = await installation(t)
  const before = await facts(from)
  const to = await server.createLocation()
  const { tables, resumed } = await transferRecord(from, to)
  t.equal(resumed, 0)
  t.match(
    tables.find(({ table }) => table === 'registration_keys'),
    { rows: 6, digest: /^[0-9a-f]{64}$/ },
  )
  t.strictSame(await facts(to), before)
  const back = sqlite(t)
  const again = await transferRecord(to, back)
  t.strictSame(again.tables, tables, 'the same digests')
  t.strictSame(await facts(back), before)
  const store = await openStore(to, options)
  t.teardown(() => store.close())
  t.match(await store.registrations.block('r_2', admin), { block: { by: 'root' } }, 'sequences go on')
})

t.test('a move that is killed continues where it was, and moves nothing twice', async (t) => {
  const from = await installation(t, 1500)
  const to = await server.createLocation()
  const args = [script, JSON.stringify(from), JSON.stringify(to)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  const exited = once(child, 'exit')
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === 'registrations 1000') child.kill('SIGKILL')
  }
  t.strictSame(await exited, [null, 'SIGKILL'])
  await t.rejects(openStore(to, options), { code: 'migration', message: /is being moved into this database/ })
  const other = await installation(t, 1)
  await t.rejects(transferRecord(other, to), { code: 'migration', message: /holds a part of .*record\.db/ })
  const { resumed, tables } = await transferRecord(from, to)
  t.ok(resumed >= 1000, String(resumed))
  t.match(
    tables.find(({ table }) => table === 'registrations'),
    { rows: 1500 },
  )
  t.strictSame((await facts(to)).registrations, (await facts(from)).registrations)
})

t.test('a row that changed on the way is found, and no gateway opens what is not the same', async (t) => {
  const from = await installation(t)
  const to = await server.createLocation()
  const url = server.url.replace(/postgres$/, to.database)
  const moved = transferRecord(from, to, async ({ table, doing }) => {
    if (table === 'registrations' && doing === 'copying')
      await server.query(url, `update registrations set user_name = 'eve' where id = 'r_1'`)
  })
  await t.rejects(moved, {
    code: 'migration',
    message: /not the same in registrations \(3 and 3 rows\): keep to/,
  })
  await t.rejects(openStore(to, options), { code: 'migration' })
})

t.test('a database that holds an installation is left alone', async (t) => {
  const from = await installation(t)
  const to = await server.createLocation()
  const store = await openStore(to, options)
  await store.registrations.register(registration('r_9'), [key('a')], 10)
  await store.close()
  await t.rejects(transferRecord(from, to), { code: 'migration', message: /holds an installation already/ })
  t.strictSame(
    (await facts(to)).registrations.map((state) => state.registration.id),
    ['r_9'],
  )
})

t.test('while a gateway uses one of the two, nothing is moved', async (t) => {
  const from = await installation(t)
  const to = await server.createLocation()
  const gateway = await openStore(from, options)
  await t.rejects(transferRecord(from, to), { code: 'locked', message: /stop the gateways first/ })
  await gateway.close()
  const other = await openStore(to, options)
  await other.ping()
  await t.rejects(transferRecord(from, to), { code: 'locked', message: /stop the gateways first/ })
  await other.close()
  await transferRecord(from, to)
})

t.test('while an installation is moved, nobody writes to it', async (t) => {
  const from = await server.createLocation()
  await transferRecord(await installation(t), from)
  const url = server.url.replace(/postgres$/, from.database)
  let tried = 0
  await transferRecord(from, sqlite(t), async () => {
    if (tried++ > 0) return
    const write = server.query(url, `set lock_timeout = 50; update registrations set rule = 'x'`)
    await t.rejects(write, { code: '55P03' })
  })
  t.ok(tried > 0)
})

t.test('what is not there, is the same, or is not up to date is refused', async (t) => {
  const to = await server.createLocation()
  const missing = sqlite(t)
  await t.rejects(transferRecord(missing, to), { message: /There is no record at/ })
  await t.rejects(transferRecord(to, to), { message: /Both are/ })
  await t.rejects(transferRecord(await server.createLocation(), to), { message: /older version: run/ })
})

t.test(
  'every table of the record has a primary key and is moved, each after those it refers to',
  async (t) => {
    const file = await installation(t, 1)
    const database: PostgresLocation = await server.createLocation()
    await (await openStore(database, options)).close()
    const tables = await withPostgres(database, (db) => readTables(db, 'postgres'))
    const raw = new DatabaseSync(file.path)
    t.teardown(() => raw.close())
    const made = raw.prepare(`select name from sqlite_schema where type = 'table'`).all()
    const ours = made.map(({ name }) => String(name)).filter((name) => !/^(sqlite|kysely)_/.test(name))
    t.strictSame(tables.map(({ name }) => name).sort(), ours.sort())
    for (const [index, { name, parents }] of tables.entries()) {
      const before = new Set([...tables.slice(0, index).map((table) => table.name), name])
      t.ok(
        parents.every((parent) => before.has(parent)),
        name,
      )
    }
    t.ok(tables.some(({ parents }) => parents.length > 0))
  },
)

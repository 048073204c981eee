import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { guarded } from '../../src/store/guarded.ts'
import type { PostgresLocation } from '../../src/store/location.ts'
import { openStore, recordMigrationStatus } from '../../src/store/open.ts'
import { inspectPostgres, refuseServer, withPostgres } from '../../src/store/postgres.ts'
import { certificates } from '../helpers/certificates.ts'
import { eventually } from '../helpers/eventually.ts'
import { postgresServer } from '../helpers/postgres.ts'
import { admin, key, registration, start } from './contract/values.ts'

const password = 'of-the-test'
const server = await postgresServer(t, { password })
const options = { now: () => start }

/** An error of this code that tells neither the password nor what stands in the record. */
function refusal(code: string, message: RegExp) {
  return { name: 'RecordUnavailable', code, message }
}

t.test('a wrong password is refused, and neither of the two is told', async (t) => {
  const location = await server.createLocation({ password: { reveal: () => 'hunter2' } })
  const failed = await openStore(location, options).catch((error: Error) => error)
  t.match(failed, refusal('credentials', /^PostgreSQL at postgres:\/\/gatehouse@.*authentication failed/))
  t.notMatch(String((failed as Error).stack), /hunter2|of-the-test/)
  const { password: _, ...without } = location
  await t.rejects(openStore(without, options), refusal('credentials', /password/))
})

t.test('the environment of libpq is not heard', async (t) => {
  const { password: _, ...location } = await server.createLocation()
  const before = { ...process.env }
  t.teardown(() => {
    process.env = before
  })
  Object.assign(process.env, { PGPASSWORD: password, PGSSLMODE: 'require' })
  await t.rejects(openStore(location, options), refusal('credentials', /password/))
})

t.test('a database that is not there, a server that is not there, a name that is none', async (t) => {
  const location = await server.createLocation()
  const database = { ...location, database: 'nowhere' }
  await t.rejects(openStore(database, options), refusal('no-database', /database "nowhere" does not exist/))
  await t.rejects(openStore({ ...location, port: 1 }, options), refusal('unreachable', /ECONNREFUSED/))
  await t.rejects(
    openStore({ ...location, host: 'x.invalid' }, options),
    refusal('unreachable', /x\.invalid/),
  )
})

t.test('a user that may make no tables is told', async (t) => {
  const location = await server.createLocation()
  const url = server.url.replace(/postgres$/, location.database)
  await server.query(url, `create role reader_only login password '${password}'`)
  await server.query(url, 'revoke create on schema public from public')
  const failed = await openStore({ ...location, user: 'reader_only' }, options).catch((error) => error)
  t.match(failed, { name: 'RecordUnavailable', code: 'not-allowed', message: /permission denied/ })
})

t.test('a server that is too old, or has another encoding, is refused with a sentence', async (t) => {
  const good = { version: '15.3', versionNumber: 150_003, encoding: 'UTF8' }
  refuseServer(good)
  t.throws(
    () => refuseServer({ ...good, version: '13.11', versionNumber: 130_011 }),
    refusal('older-server', /is PostgreSQL 13\.11; the record needs 14 or later/),
  )
  const location = await server.createLocation()
  await server.query(
    server.url,
    `create database ascii template template0 encoding 'SQL_ASCII' locale_provider libc locale 'C'`,
  )
  await t.rejects(
    openStore({ ...location, database: 'ascii' }, options),
    refusal('invalid', /encoding is SQL_ASCII; the record needs UTF8/),
  )
})

t.test('a record of a newer version is refused, naming the version, and left alone', async (t) => {
  const location = await server.createLocation()
  await (await openStore(location, options)).close()
  const url = server.url.replace(/postgres$/, location.database)
  await server.query(url, `insert into kysely_migration values ('9999-future', '2030-01-01')`)
  const newer = refusal('newer-version', /9999-future.*newer program/)
  await t.rejects(openStore(location, options), newer)
  await t.rejects(recordMigrationStatus(location), newer)
  t.equal((await server.query(url, 'select name from kysely_migration')).at(-1)?.name, '9999-future')
})

t.test('a database that belongs to another program is refused', async (t) => {
  const location = await server.createLocation()
  const url = server.url.replace(/postgres$/, location.database)
  await server.query(url, 'create table kysely_migration (name text, timestamp text)')
  await server.query(url, `insert into kysely_migration values ('2020-shop', '2020-01-01')`)
  await t.rejects(openStore(location, options), refusal('migration', /another program/))
})

t.test('with TLS, only the server that the settings mean is spoken to', async (t) => {
  const { folder, deviceCa } = await certificates(t)
  const tls = { cert: join(folder, 'gateway.crt'), key: join(folder, 'gateway.key') }
  const secure = await postgresServer(t, { tls, password })
  const location = await secure.createLocation()
  const ca = [join(folder, 'ca.crt')]
  const open = async (changes: Partial<PostgresLocation>) => {
    const store = await openStore({ ...location, ...changes }, options)
    await store.close()
  }
  await t.rejects(
    open({}),
    { name: 'RecordUnavailable', code: 'credentials' },
    'it takes no plain connection',
  )
  await t.rejects(open({ tls: { ca, verify: 'full' } }), refusal('tls', /not in the cert’s list|altname|IP/))
  await open({ tls: { ca, verify: 'full', serverName: 'chat.localhost' } })
  await open({ tls: { ca, verify: 'ca' } })
  await t.rejects(
    open({ tls: { ca, verify: 'full', serverName: 'other.localhost' } }),
    refusal('tls', /other\.localhost/),
  )
  await t.rejects(open({ tls: { ca: [], verify: 'ca' } }), refusal('tls', /certificate/))
  const other = join(folder, 'other.crt')
  writeFileSync(other, deviceCa.certificate)
  await t.rejects(open({ tls: { ca: [other], verify: 'ca' } }), refusal('tls', /certificate|issuer/))
  await t.rejects(
    open({ tls: { ca: ['/not/there'], verify: 'ca' } }),
    refusal('tls', /not\/there cannot be read/),
  )
  t.match(await inspectPostgres({ ...location, tls: { ca, verify: 'ca' } }, Date.now), { encrypted: true })
  const plain = await server.createLocation()
  await t.rejects(
    openStore({ ...plain, tls: { ca, verify: 'full' } }, options),
    refusal('tls', /does not support SSL/),
  )
})

t.test('a server that goes away and comes back is found again', async (t) => {
  const store = await openStore(await server.createLocation(), options)
  t.teardown(() => store.close())
  await store.registrations.register(registration('r_1'), [key('a')], 10)
  await server.kill()
  await t.rejects(store.ping(), { code: 'unreachable' })
  await t.rejects(store.pingWrites(), { code: 'unreachable' })
  await server.restart()
  await eventually(async () => (await store.ping()) ?? true)
  t.ok(await store.registrations.findByKeys(['a'], start))
  t.match(await store.registrations.block('r_1', admin), { block: { why: admin.why } })
})

t.test(
  'a server that stands still is not waited for: not by a look, not by a write, not by the end',
  async (t) => {
    const location = await server.createLocation({ statementTimeout: 2_000, connectTimeout: 2_000 })
    const store = await openStore(location, options)
    await store.registrations.register(registration('r_1'), [key('a')], 10)
    const conditions: string[] = []
    const clock = { now: 0 }
    const under = guarded(store, {
      ...{ readTimeout: 1_000, writeTimeout: 1_000, failures: 2, retryAfter: 50, now: () => clock.now },
      onCondition: (part, { ok }) => conditions.push(`${part} ${ok ? 'back' : 'gone'}`),
    })
    server.pause()
    for (let n = 0; n < 2; n++) {
      await t.rejects(under.ping(), { name: 'RecordUnavailable', code: /^(timeout|unreachable)$/ })
      await t.rejects(under.pingWrites(), { name: 'RecordUnavailable', code: /^(timeout|unreachable)$/ })
    }
    await t.rejects(under.ping(), { code: 'busy' })
    t.strictSame(conditions.sort(), ['reads gone', 'writes gone'])
    // The driver gives it up by itself, too: its connections are closed and not used again.
    await t.rejects(store.ping(), { name: 'RecordUnavailable' })
    server.resume()
    for (const ping of [under.ping, under.pingWrites]) {
      await eventually(async () => {
        clock.now += 50
        await ping()
        return true
      })
    }
    t.strictSame(conditions.slice(2).sort(), ['reads back', 'writes back'])
    t.ok(await under.registrations.findByKeys(['a'], start))
    server.pause()
    await store.close()
    server.resume()
    await t.rejects(store.ping(), { code: 'closed' })
  },
)

t.test('a connection whose answer did not come is never used again', async (t) => {
  // One connection for looks.
  const location = await server.createLocation({ pool: 3, statementTimeout: 2_000 })
  const store = await openStore(location, options)
  t.teardown(() => store.close())
  const connections = async () => {
    const rows = await server.query(
      server.url,
      `select pid from pg_stat_activity where application_name = 'gatehouse' and datname = '${location.database}'`,
    )
    return rows.map(({ pid }) => pid)
  }
  await store.ping()
  // Those that were open while it was migrated take a moment to be gone.
  const [before] = await eventually(async () => {
    const open = await connections()
    return open.length === 1 && open
  })
  server.pause()
  await t.rejects(store.ping(), { code: 'timeout' })
  server.resume()
  await store.ping()
  t.notOk((await connections()).includes(before))
})

t.test(
  'a session that began while the server took no writes is not kept when it takes them again',
  async (t) => {
    const location = await server.createLocation()
    const store = await openStore(location, options)
    t.teardown(() => store.close())
    await store.pingWrites()
    const ask = (statement: string) => server.query(server.url, statement)
    // As at a standby, of which a name or a virtual address has told for a moment.
    await ask(`alter database "${location.database}" set default_transaction_read_only = on`)
    await ask(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${location.database}'`)
    await eventually(() =>
      store.pingWrites().then(
        () => false,
        ({ code }) => code === 'read-only',
      ),
    )
    await ask(`alter database "${location.database}" reset default_transaction_read_only`)
    await eventually(() =>
      store.pingWrites().then(
        () => true,
        () => false,
      ),
    )
    await store.registrations.register(registration('r_1'), [key('a')], 10)
  },
)

t.test('the end does not wait for an answer that does not come', async (t) => {
  const store = await openStore(await server.createLocation({ statementTimeout: 600_000 }), options)
  await store.ping()
  server.pause()
  t.teardown(() => server.resume())
  const asked = store.ping()
  // Until it has its connection.
  await new Promise((resolve) => setImmediate(resolve))
  await Promise.all([store.close(), t.rejects(asked, { code: 'unreachable' })])
})

t.test('when every connection is taken, the next one fails in time, and later ones do not', async (t) => {
  const location = await server.createLocation({ pool: 3, connectTimeout: 1_000, statementTimeout: 4_000 })
  const store = await openStore(location, options)
  t.teardown(() => store.close())
  await store.pingWrites()
  await withPostgres(location, (db) =>
    db.transaction().execute(async (tx) => {
      await tx.updateTable('counters').set({ value: 0 }).where('name', '=', 'changes').execute()
      const waiting = [store.pingWrites(), store.pingWrites()]
      await t.rejects(store.pingWrites(), { code: 'busy' })
      await store.ping()
      for (const write of waiting) await t.rejects(write, { code: /^(locked|timeout)$/ })
    }),
  )
  await store.pingWrites()
})

t.test('what PostgreSQL cannot hold is refused as a value, not as a failure of the record', async (t) => {
  const store = await openStore(await server.createLocation(), options)
  t.teardown(() => store.close())
  const odd = registration('r_1', { user: 'a\0nn' })
  const failed = await store.registrations.register(odd, [key('a')], 10).catch((error) => error)
  t.match(failed, refusal('invalid', /a value was refused/))
  await store.ping()
})

t.test('a number that JavaScript cannot hold is broken, not rounded', async (t) => {
  const location = await server.createLocation()
  const store = await openStore(location, options)
  t.teardown(() => store.close())
  const url = server.url.replace(/postgres$/, location.database)
  await server.query(url, 'update counters set value = 9007199254740993')
  await t.rejects(store.changes.latest(), { code: 'corrupt' })
})

t.test('commits wait for the disk also where the server’s default is not to', async (t) => {
  const location = await server.createLocation()
  const url = server.url.replace(/postgres$/, location.database)
  await server.query(url, `alter database ${location.database} set synchronous_commit = off`)
  t.match(await inspectPostgres(location, Date.now), { synchronousCommit: false })
  await server.query(
    url,
    `create table seen (setting text);
     create function note() returns trigger language plpgsql as
       'begin insert into seen values (current_setting(''synchronous_commit'')); return new; end'`,
  )
  const store = await openStore(location, options)
  t.teardown(() => store.close())
  await server.query(url, 'create trigger note after insert on changes for each row execute function note()')
  await store.registrations.register(registration('r_1'), [key('a')], 10)
  t.strictSame(await server.query(url, 'select distinct setting from seen'), [{ setting: 'on' }])
})

t.test('ids and text are in the order of their bytes, whatever the language of the database', async (t) => {
  const store = await openStore(await server.createLocation(), options)
  t.teardown(() => store.close())
  for (const id of ['r_a', 'r_B', 'r_b', 'r_A', 'r_-'])
    await store.registrations.register(registration(id), [key(id)], 10)
  const ids = (await store.registrations.list({ limit: 10 })).map((state) => state.registration.id)
  t.strictSame(ids, ['r_b', 'r_a', 'r_B', 'r_A', 'r_-'])
})

t.test('a write that another one of the database was in the way of is made again, whole', async (t) => {
  const location = await server.createLocation()
  const store = await openStore(location, options)
  t.teardown(() => store.close())
  const url = server.url.replace(/postgres$/, location.database)
  await server.query(
    url,
    `create sequence tries;
     create function stumble() returns trigger language plpgsql as
       'begin if nextval(''tries'') < 3 then raise exception using errcode = ''40P01''; end if; return new; end';
     create trigger stumble before insert on audit for each row execute function stumble()`,
  )
  t.match(await store.registrations.register(registration('r_1'), [key('a')], 10), { outcome: 'registered' })
  t.equal(await store.changes.latest(), 1)
  await server.query(url, 'alter sequence tries minvalue -99 start -99 restart')
  await t.rejects(store.registrations.block('r_1', admin), { code: 'conflict' }, 'not for ever')
})

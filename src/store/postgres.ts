/**
 * The record in PostgreSQL, which any number of machines share. The only file that knows `pg`. What the environment says
 * to libpq (PGHOST, PGPASSWORD, ~/.pgpass) is not heard: the settings alone say which database it is.
 */
import { readFile } from 'node:fs/promises'
import { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ConnectionOptions, checkServerIdentity } from 'node:tls'
import {
  type ColumnDefinitionNode,
  type DataTypeNode,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  sql,
} from 'kysely'
import pg from 'pg'
import { withDeadline } from '../lib/deadline.ts'
import { systemRandom } from '../lib/random.ts'
import { RecordUnavailable } from './errors.ts'
import { describeLocation, type PostgresLocation, type PostgresTls } from './location.ts'
import { type MigrationStatus, migrate, migrationStatus } from './migrate.ts'
import type { Store } from './ports.ts'
import { PostgresDriver } from './postgres-driver.ts'
import type { Schema } from './schema.ts'
import { createStore } from './store.ts'

export interface PostgresOptions {
  readonly now: () => number
  /** For leases; the machine's own when undefined. */
  readonly monotonic?: () => number
  /** Called after each committed write that `Changes` tell of. */
  readonly onChange?: () => void
  readonly newId?: () => string
}

/** Writes follow one another in the whole installation; the second connection prepares while the first commits. */
const writeConnections = 2
/** Milliseconds for which a gateway that stands still may keep all others from writing, its transaction being open. */
const idleInTransaction = 5_000
/** Milliseconds beyond the server's own limit after which a silent server is taken for dead. */
const grace = 1_000
const keepAliveAfter = 30_000
/** Milliseconds for connections to end in order. */
const goodbye = 2_000
const oldestServer = 140_000
/** What `pg_stat_activity` shows. */
const applicationName = 'gatehouse'

/** Opens, and migrates where needed. @throws RecordUnavailable */
export async function openPostgresStore(
  location: PostgresLocation,
  options: PostgresOptions,
): Promise<Store> {
  const { synchronousCommit } = await withPostgres(location, async (db) => {
    await inTurn(db, migrate)
    return serverFacts(db)
  })
  const ca = await readAuthorities(location.tls)
  const reads = openPool({ location, ca, connections: location.pool - writeConnections })
  const writes = openPool({ location, ca, connections: writeConnections, synchronousCommit })
  const newId = options.newId ?? systemRandom().id
  const { now, monotonic, onChange } = options
  const database = {
    ...{ read: reads.db, write: writes.db, now, newId },
    ...(monotonic && { monotonic }),
    ...(onChange && { onChange }),
  }
  return createStore(database, async () => {
    await Promise.all([reads.close(), writes.close()])
  })
}

/** Which steps the database has taken. Changes nothing. */
export function postgresMigrationStatus(location: PostgresLocation): Promise<MigrationStatus> {
  return withPostgres(location, migrationStatus)
}

/** @returns the steps that were taken now */
export function migratePostgres(location: PostgresLocation): Promise<readonly string[]> {
  return withPostgres(location, (db) => inTurn(db, migrate))
}

export interface PostgresInspection extends ServerFacts {
  /** Milliseconds for a question and its answer. */
  readonly latency: number
  /** Milliseconds by which the server's clock is ahead of this machine's. */
  readonly clockAhead: number
  readonly migrations: MigrationStatus
}

/** For `gatehouse doctor`. Changes nothing. */
export function inspectPostgres(location: PostgresLocation, now: () => number): Promise<PostgresInspection> {
  return withPostgres(location, async (db) => {
    const facts = await serverFacts(db)
    const before = performance.now()
    const { rows } = await sql<{ at: number }>`
      select (extract(epoch from clock_timestamp()) * 1000)::bigint as at`.execute(db)
    const latency = performance.now() - before
    const clockAhead = Math.round((rows[0]?.at ?? 0) - (now() - latency / 2))
    return { ...facts, latency, clockAhead, migrations: await migrationStatus(db) }
  })
}

/** One connection without a limit for each statement: for migrations and moving, which take the time that they take. */
export async function withPostgres<T>(
  location: PostgresLocation,
  work: (db: Kysely<Schema>) => Promise<T>,
): Promise<T> {
  const ca = await readAuthorities(location.tls)
  const { db, close } = openPool({
    location: { ...location, statementTimeout: 0 },
    ca,
    connections: 1,
  })
  try {
    const facts = await serverFacts(db)
    refuseServer(facts)
    return await work(db)
  } finally {
    await close()
  }
}

/**
 * For moving: no gateway uses the database, and none begins to before `work` has ended. A source does not change
 * meanwhile, whoever tries.
 */
export function withPostgresAlone<T>(
  location: PostgresLocation,
  side: 'source' | 'target',
  work: (db: Kysely<Schema>) => Promise<T>,
): Promise<T> {
  return withPostgres(location, (db) =>
    inTurn(db, async (session) => {
      await assertUnused(session, describeLocation(location))
      await sql`set idle_in_transaction_session_timeout = 0`.execute(session)
      if (side === 'target') return work(session)
      return session.transaction().execute(async (tx) => {
        const tables = await tx.introspection.getTables({ withInternalKyselyTables: true })
        for (const { name } of tables) await sql`lock table ${sql.table(name)} in share mode`.execute(tx)
        return work(tx)
      })
    }),
  )
}

/** Connections that have just been closed take a moment to be gone. */
const leaving = 2_000

async function assertUnused(db: Kysely<Schema>, where: string): Promise<void> {
  for (const begin = performance.now(); ; await sleep(50)) {
    const { rows } = await sql<{ others: number }>`
      select count(*) as others from pg_stat_activity where datname = current_database()
      and application_name = ${applicationName} and pid <> pg_backend_pid()`.execute(db)
    if (rows[0]?.others === 0) return
    if (performance.now() - begin < leaving) continue
    throw new RecordUnavailable('locked', `Another process uses ${where}: stop the gateways first`)
  }
}

/** Chosen once and for all, so that every version of this program waits for every other. */
const migrationLock = 4_713_290_551

/**
 * Kysely's own lock begins only after it has made its tables. This one is around all of it, and whoever moves an
 * installation takes it as well. It is the session's, and ends with the connection, however that ends.
 */
function inTurn<T>(db: Kysely<Schema>, work: (db: Kysely<Schema>) => Promise<T>): Promise<T> {
  return db.connection().execute(async (session) => {
    await sql`select pg_advisory_lock(${sql.lit(migrationLock)})`.execute(session)
    try {
      return await work(session)
    } finally {
      await sql`select pg_advisory_unlock(${sql.lit(migrationLock)})`.execute(session)
    }
  })
}

export interface ServerFacts {
  /** Such as `15.3`. */
  readonly version: string
  /** Such as 150003. */
  readonly versionNumber: number
  readonly encoding: string
  readonly encrypted: boolean
  /** False: a crash of the server may lose what has just been committed, unless a transaction asks for more. */
  readonly synchronousCommit: boolean
  /** False: a crash of the server's machine may lose everything. */
  readonly fsync: boolean
  readonly standby: boolean
}

async function serverFacts(db: Kysely<Schema>): Promise<ServerFacts> {
  const { rows } = await sql<Omit<ServerFacts, 'versionNumber'> & { versionNumber: string }>`
    select current_setting('server_version') as version,
      current_setting('server_version_num') as "versionNumber",
      current_setting('server_encoding') as encoding,
      current_setting('synchronous_commit') <> 'off' as "synchronousCommit",
      current_setting('fsync') = 'on' as fsync,
      pg_is_in_recovery() as standby,
      coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false) as encrypted`.execute(db)
  const [facts] = rows
  if (facts === undefined) throw new RecordUnavailable('failed', 'PostgreSQL does not say what it is')
  return { ...facts, versionNumber: Number(facts.versionNumber) }
}

/** @throws RecordUnavailable when this program cannot keep its record there */
export function refuseServer({
  version,
  versionNumber,
  encoding,
}: Pick<ServerFacts, 'version' | 'versionNumber' | 'encoding'>): void {
  if (versionNumber < oldestServer)
    throw new RecordUnavailable(
      'older-server',
      `The server is PostgreSQL ${version}; the record needs 14 or later`,
    )
  if (encoding !== 'UTF8')
    throw new RecordUnavailable(
      'invalid',
      `The database’s encoding is ${encoding}; the record needs UTF8: create database … encoding 'UTF8'`,
    )
}

interface PoolOptions {
  readonly location: PostgresLocation
  readonly ca: readonly string[]
  readonly connections: number
  /** False: the server would not wait for its disk unless it is told to. */
  readonly synchronousCommit?: boolean
}

interface OpenPool {
  readonly db: Kysely<Schema>
  close(): Promise<void>
}

function openPool({ location, ca, connections, synchronousCommit = true }: PoolOptions): OpenPool {
  const { host, port, user, database, password, tls, connectTimeout, statementTimeout } = location
  const sockets = new Set<Socket>()
  const pool = new pg.Pool({
    ...{ host, port, user, database },
    // A function keeps it out of what the pool shows of itself, and the environment's out of use.
    password: () => password?.reveal() ?? '',
    ssl: tls === undefined ? false : tlsOptions(tls, ca, host),
    // An option of the driver that its types leave out.
    ...{ stream: () => track(sockets) },
    max: connections,
    connectionTimeoutMillis: connectTimeout,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveAfter,
    application_name: applicationName,
    statement_timeout: statementTimeout,
    // A little earlier, so that a wait for a lock is told from a statement that is slow by itself.
    lock_timeout: Math.ceil(statementTimeout * 0.9),
    idle_in_transaction_session_timeout: idleInTransaction,
    types: { getTypeParser },
  })
  // A lost connection that is in use fails the statement too; an idle one is replaced when it is needed next.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  const driver = new PostgresDriver(pool, {
    where: describeLocation(location),
    answerTimeout: statementTimeout === 0 ? longest : statementTimeout + grace,
    begin: synchronousCommit ? [begin] : [begin, 'set local synchronous_commit = on'],
  })
  return { db: kyselyOver(driver), close: () => close(pool, sockets) }
}

// Whatever the database’s own default is: the lock on the counter makes the order (see `write`).
const begin = 'begin isolation level read committed'
/** The longest that a timer of Node’s waits, 24 days. */
const longest = 2 ** 31 - 1

function kyselyOver(driver: PostgresDriver): Kysely<Schema> {
  return new Kysely<Schema>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => driver,
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new Compiler(),
    },
  })
}

function track(sockets: Set<Socket>): Socket {
  const socket = new Socket()
  sockets.add(socket)
  return socket.once('close', () => sockets.delete(socket))
}

/** A server that does not answer any more does not say goodbye either. */
async function close(pool: pg.Pool, sockets: ReadonlySet<Socket>): Promise<void> {
  if (pool.ending) return
  await withDeadline(pool.end(), goodbye).catch(() => {})
  for (const socket of sockets) socket.destroy()
}

/** Text is compared by its bytes, as SQLite does: the order of ids then depends on no language, and no upgrade of one breaks an index. */
class Compiler extends PostgresQueryCompiler {
  protected override visitDataType(node: DataTypeNode): void {
    super.visitDataType(node)
    const parent: ColumnDefinitionNode['kind'] = 'ColumnDefinitionNode'
    if (node.dataType === 'text' && this.parentNode?.kind === parent) this.append(' collate "C"')
  }
}

const int8 = pg.types.builtins.INT8

/** For this pool alone: others in the process may want PostgreSQL's long numbers as text. */
const getTypeParser: typeof pg.types.getTypeParser = ((oid: number, format?: 'text') =>
  oid === int8 ? safeInteger : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser // overloads

function safeInteger(text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value)) return value
  throw new RecordUnavailable('corrupt', 'The record holds a number that is too large')
}

function tlsOptions({ verify, serverName }: PostgresTls, ca: readonly string[], host: string) {
  const name = serverName ?? host
  return {
    ...(ca.length > 0 && { ca: [...ca] }),
    ...(serverName !== undefined && { servername: serverName }),
    minVersion: 'TLSv1.2',
    rejectUnauthorized: true,
    checkServerIdentity: (_, certificate) =>
      verify === 'ca' ? undefined : checkServerIdentity(name, certificate),
  } satisfies ConnectionOptions
}

async function readAuthorities(tls: PostgresTls | undefined): Promise<string[]> {
  const read = async (path: string) => {
    try {
      return await readFile(path, 'utf8')
    } catch (cause) {
      throw new RecordUnavailable('tls', `The authority’s certificate ${path} cannot be read`, { cause })
    }
  }
  return Promise.all((tls?.ca ?? []).map(read))
}

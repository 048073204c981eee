/**
 * The record in one SQLite file, the embedded default. The only file that knows `node:sqlite`. Several processes (the
 * gateway's, the command line) may have it open at once.
 */
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  Kysely,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  sql,
} from 'kysely'
import { systemRandom } from '../lib/random.ts'
import { type RecordErrorCode, RecordUnavailable } from './errors.ts'
import { type MigrationStatus, migrate, migrationStatus } from './migrate.ts'
import type { Store } from './ports.ts'
import type { Schema } from './schema.ts'
import { prepareFile } from './sqlite-files.ts'
import { createStore } from './store.ts'

export interface SqliteOptions {
  readonly now: () => number
  /** For leases; the machine's own when undefined. */
  readonly monotonic?: () => number
  /** Called after each committed write that `Changes` tell of. */
  readonly onChange?: () => void
  readonly newId?: () => string
  readonly logger?: { warn(fields: object, message: string): void }
}

/** Opens, and creates and migrates where needed. @throws RecordUnavailable */
export async function openSqliteStore(path: string, options: SqliteOptions): Promise<Store> {
  if (await prepareFile(path))
    options.logger?.warn({ path }, 'the record was readable by others: mode set to 0600')
  const write = await openDatabase(path)
  try {
    await migrate(write.db)
    const read = await openDatabase(path, { after: ['query_only = on'] })
    const newId = options.newId ?? systemRandom().id
    const { now, monotonic, onChange } = options
    const database = {
      ...{ read: read.db, write: write.db, now, newId },
      ...(monotonic && { monotonic }),
      ...(onChange && { onChange }),
    }
    return createStore(database, async () => {
      read.close()
      write.close()
    })
  } catch (error) {
    write.close()
    throw error
  }
}

/** For `gatehouse migrate`: which steps the file has taken. A file that is not there yet is made, and has taken none. */
export function sqliteMigrationStatus(path: string): Promise<MigrationStatus> {
  return withDatabase(path, migrationStatus)
}

/** For `gatehouse migrate`. @returns the steps that were taken now */
export function migrateSqlite(path: string): Promise<readonly string[]> {
  return withDatabase(path, migrate)
}

/** For moving: the file is ours alone, or it is refused. */
export async function withSqliteAlone<T>(path: string, work: (db: Kysely<Schema>) => Promise<T>): Promise<T> {
  await prepareFile(path)
  const { db, close } = await openAlone(path)
  try {
    return await work(db)
  } finally {
    close()
  }
}

/** With WAL, every open connection holds a lock that another one's exclusive mode cannot share. */
async function openAlone(path: string): Promise<OpenDatabase> {
  try {
    const open = await openDatabase(path, { before: ['locking_mode = exclusive'] })
    try {
      await open.db.transaction().execute((tx) => sql`select 1`.execute(tx))
      return open
    } catch (error) {
      open.close()
      throw error
    }
  } catch (error) {
    if (!(error instanceof RecordUnavailable) || error.code !== 'locked') throw error
    const message = `Another process has ${path} open: stop the gateways first`
    throw new RecordUnavailable('locked', message, { cause: error })
  }
}

async function withDatabase<T>(path: string, work: (db: Kysely<Schema>) => Promise<T>): Promise<T> {
  await prepareFile(path)
  const { db, close } = await openDatabase(path)
  try {
    return await work(db)
  } finally {
    close()
  }
}

/**
 * How long to wait for another process that is writing. SQLite itself waits by blocking the whole process, so it gets
 * only a moment; the rest is waited for without holding anybody up.
 */
const blockingWait = 10
/** Shorter than `limits.recordWriteTimeout`, so that what is told is the lock and not the time. */
const longestWait = 4_000
const shortestWait = 200
/** Milliseconds between two failures up to which the lock is taken for the same one. */
const sameLock = 1_000

interface OpenDatabase {
  readonly db: Kysely<Schema>
  close(): void
}

interface Pragmas {
  readonly before?: readonly string[]
  readonly after?: readonly string[]
}

async function openDatabase(path: string, { before = [], after = [] }: Pragmas = {}): Promise<OpenDatabase> {
  const database = await whileBusy(() => new DatabaseSync(path, { timeout: blockingWait }))
  const db = new Kysely<Schema>({
    dialect: {
      createAdapter: () => new Adapter(),
      createDriver: () => new SqliteDriver(database),
      createIntrospector: (kysely) => new SqliteIntrospector(kysely),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  })
  const close = () => {
    if (database.isOpen) database.close()
  }
  try {
    const always = [
      'journal_mode = wal',
      'synchronous = full',
      'foreign_keys = on',
      'trusted_schema = off',
      'cache_size = -8192',
    ]
    for (const pragma of [...before, ...always, ...after])
      await db.executeQuery(CompiledQuery.raw(`pragma ${pragma}`))
    return { db, close }
  } catch (error) {
    close()
    throw error
  }
}

class Adapter extends SqliteAdapter {
  /** So that all steps of a migration are one transaction, which also keeps other processes out meanwhile. */
  override get supportsTransactionalDdl(): boolean {
    return true
  }
}

/** One connection; Kysely lets its users follow one another. */
class SqliteDriver implements Driver {
  readonly #database: DatabaseSync
  readonly #connection: SqliteConnection

  constructor(database: DatabaseSync) {
    this.#database = database
    this.#connection = new SqliteConnection(database)
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    return this.#connection
  }

  /** IMMEDIATE takes the write lock at once: a transaction never finds out halfway that another one was faster. */
  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'))
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('commit'))
  }

  /** After some errors (disk full) SQLite has rolled back by itself. */
  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#database.isTransaction) await connection.executeQuery(CompiledQuery.raw('rollback'))
  }

  async releaseConnection(): Promise<void> {}

  /** Whoever opened the file closes it: what is asked afterwards then fails as `closed`. */
  async destroy(): Promise<void> {}
}

/** As many statements as the program has, and a few for lists of different lengths. */
const statementsKept = 200

interface Prepared {
  readonly statement: StatementSync
  readonly givesRows: boolean
}

class SqliteConnection implements DatabaseConnection {
  readonly #database: DatabaseSync
  readonly #statements = new Map<string, Prepared>()
  readonly #lock: LockSeen = { since: 0, last: Number.NEGATIVE_INFINITY }

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    // Kysely types parameters as unknown; our columns are text and integers.
    const parameters = query.parameters as readonly SQLInputValue[]
    return whileBusy(() => this.#run<R>(query.sql, parameters), this.#lock)
  }

  #run<R>(sql: string, parameters: readonly SQLInputValue[]): QueryResult<R> {
    const { statement, givesRows } = this.#prepare(sql)
    if (givesRows) {
      // The caller's row type is what the query compiler derived from the schema.
      return { rows: statement.all(...parameters) as R[] }
    }
    return { rows: [], numAffectedRows: BigInt(statement.run(...parameters).changes) }
  }

  #prepare(sql: string): Prepared {
    const kept = this.#statements.get(sql)
    if (kept !== undefined) return kept
    const statement = this.#database.prepare(sql)
    const prepared = { statement, givesRows: statement.columns().length > 0 }
    if (this.#statements.size >= statementsKept) this.#statements.clear()
    this.#statements.set(sql, prepared)
    return prepared
  }

  // biome-ignore lint/correctness/useYield: nothing here streams
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('The record is read in pages, not streamed')
  }
}

/** Since when, and when last, a connection has found the file locked. */
interface LockSeen {
  since: number
  last: number
}

/** What waits in a row behind a lock waits for it once, together: not each for the whole time after the one before. */
async function whileBusy<T>(
  attempt: () => T,
  lock: LockSeen = { since: 0, last: Number.NEGATIVE_INFINITY },
): Promise<T> {
  const begin = performance.now()
  for (let wait = 5; ; wait = Math.min(wait * 2, 100)) {
    try {
      return attempt()
    } catch (error) {
      const known = toRecordError(error)
      if (known.code !== 'locked') throw known
      const now = performance.now()
      if (now - lock.last > sameLock) lock.since = now
      lock.last = now
      if (now > Math.max(lock.since + longestWait, begin + shortestWait)) throw known
    }
    await sleep(wait)
  }
}

/** SQLite's primary result codes (https://sqlite.org/rescode.html). */
const codes: Readonly<Record<number, RecordErrorCode>> = {
  3: 'cannot-open',
  5: 'locked',
  6: 'locked',
  8: 'read-only',
  10: 'io',
  11: 'corrupt',
  13: 'full',
  14: 'cannot-open',
  19: 'constraint',
  23: 'cannot-open',
  26: 'corrupt',
}

function toRecordError(error: unknown): RecordUnavailable {
  if (error instanceof RecordUnavailable) return error
  const { code, errcode, errstr } = error as { code?: string; errcode?: number; errstr?: string }
  if (code === 'ERR_INVALID_STATE')
    return new RecordUnavailable('closed', 'The record is closed', { cause: error })
  // The extended code carries the primary one in its low byte.
  const known = errcode === undefined ? undefined : codes[errcode & 0xff]
  return new RecordUnavailable(known ?? 'failed', `SQLite: ${errstr ?? 'failed'}`, { cause: error })
}

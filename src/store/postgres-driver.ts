import {
  AbortedTransactionError,
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  type QueryResult,
} from 'kysely'
import { DeadlinePassed, withDeadline } from '../lib/deadline.ts'
import { RecordUnavailable } from './errors.ts'
import { connectionSurvives, toRecordError } from './postgres-errors.ts'

/** What the driver needs of a pool of connections. */
export interface ConnectionPool {
  connect(): Promise<PooledConnection>
}

export interface PooledConnection {
  query(sql: string, parameters?: unknown[]): Promise<Answer>
  /** @param broken it is closed, and another one takes its place */
  release(broken: boolean): void
}

interface Answer {
  readonly command: string
  readonly rowCount: number | null
  readonly rows: unknown[]
}

export interface DriverOptions {
  /** Names the server in errors. */
  readonly where: string
  /**
   * Milliseconds. The server ends a statement by itself before; one that does not answer even so is taken for dead, and
   * its connection is closed.
   */
  readonly answerTimeout: number
  /** The statements that begin a transaction. */
  readonly begin: readonly string[]
}

/**
 * Kysely over a pool. Its own driver would give a connection back to the pool whose server does not answer any more;
 * this one closes a connection at every error after which it may be anything but whole.
 */
export class PostgresDriver implements Driver {
  readonly #pool: ConnectionPool
  readonly #options: DriverOptions

  constructor(pool: ConnectionPool, options: DriverOptions) {
    this.#pool = pool
    this.#options = options
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<Connection> {
    try {
      return new Connection(await this.#pool.connect(), this.#options)
    } catch (error) {
      throw toRecordError(error, this.#options.where)
    }
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    for (const statement of this.#options.begin) await connection.executeQuery(CompiledQuery.raw(statement))
  }

  /** PostgreSQL answers COMMIT with ROLLBACK when an earlier statement has failed. */
  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    const { rows } = await connection.executeQuery<{ command?: string }>(CompiledQuery.raw('commit'))
    if (rows[0]?.command === 'ROLLBACK') throw new AbortedTransactionError()
  }

  /** Where this fails the connection is closed, and so the server rolls back by itself. */
  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('rollback')).catch(() => {})
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    if (connection instanceof Connection) connection.release()
  }

  /** Whoever made the pool closes it. */
  async destroy(): Promise<void> {}
}

class Connection implements DatabaseConnection {
  readonly #pooled: PooledConnection
  readonly #options: DriverOptions
  #broken = false

  constructor(pooled: PooledConnection, options: DriverOptions) {
    this.#pooled = pooled
    this.#options = options
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const { where, answerTimeout } = this.#options
    if (this.#broken)
      throw new RecordUnavailable('unreachable', `PostgreSQL at ${where}: the connection is lost`)
    try {
      const asked = this.#pooled.query(sql, [...parameters])
      const { command, rowCount, rows } = await withDeadline(asked, answerTimeout)
      if (command === 'COMMIT' || command === 'ROLLBACK') return { rows: [{ command } as R] } // for `commitTransaction`
      const affected = command !== 'SELECT' && rowCount !== null
      // The caller's row type is what the query compiler derived from the schema.
      return { rows: rows as R[], ...(affected && { numAffectedRows: BigInt(rowCount) }) }
    } catch (error) {
      this.#broken = !connectionSurvives(error)
      if (error instanceof DeadlinePassed)
        throw new RecordUnavailable('timeout', `PostgreSQL at ${where}: ${error.message}`, { cause: error })
      throw toRecordError(error, where)
    }
  }

  release(): void {
    this.#pooled.release(this.#broken)
  }

  // biome-ignore lint/correctness/useYield: nothing here streams
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('The record is read in pages, not streamed')
  }
}

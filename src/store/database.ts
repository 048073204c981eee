import type { Kysely, Transaction } from 'kysely'
import type { Schema } from './schema.ts'

/**
 * What every subject of the record is given. Reads and writes are apart so that a read never waits for a write; where
 * a database has a pool of connections both are the same.
 */
export interface Database {
  readonly read: Kysely<Schema>
  readonly write: Kysely<Schema>
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Milliseconds that only grow, from any beginning; the machine's own when undefined. */
  readonly monotonic?: () => number
  /** Random part of public ids. */
  readonly newId: () => string
}

export type WriteTransaction = Transaction<Schema>

/**
 * One write. Writes of the whole installation follow one another: the first statement takes the lock on the change
 * counter, so that limits are counted without races and sequences become visible in their order (on SQLite, BEGIN
 * IMMEDIATE has done so already).
 */
export function write<T>(db: Database, work: (tx: WriteTransaction) => Promise<T>): Promise<T> {
  return db.write.transaction().execute(async (tx) => {
    await tx
      .updateTable('counters')
      .set((row) => ({ value: row.ref('value') }))
      .where('name', '=', 'changes')
      .execute()
    return work(tx)
  })
}

export type Counter = 'changes' | 'audit' | 'refusals'

/** The next `count` numbers of a sequence without holes. @returns the last of them */
export async function advance(tx: WriteTransaction, counter: Counter, count = 1): Promise<number> {
  const row = await tx
    .updateTable('counters')
    .set((current) => ({ value: current('value', '+', count) }))
    .where('name', '=', counter)
    .returning('value')
    .executeTakeFirstOrThrow()
  return row.value
}

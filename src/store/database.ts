import type { Kysely, Transaction } from 'kysely'
import { RecordUnavailable } from './errors.ts'
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
  /** A write has been committed that `Changes` tell of: whoever follows them should look now. */
  readonly onChange?: () => void
  /** Random part of public ids. */
  readonly newId: () => string
}

export type WriteTransaction = Transaction<Schema>

/**
 * One write. Writes of the whole installation follow one another: the first statement takes the lock on the change
 * counter, so that limits are counted without races and sequences become visible in their order (on SQLite, BEGIN
 * IMMEDIATE has done so already).
 */
export async function write<T>(db: Database, work: (tx: WriteTransaction) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await writeOnce(db, work)
    } catch (error) {
      const again = error instanceof RecordUnavailable && error.code === 'conflict' && attempt < attempts
      if (!again) throw error
    }
  }
}

/** Our own writes cannot be in each other's way. Somebody else's (a back-up, an administrator's statement) can. */
const attempts = 3

async function writeOnce<T>(db: Database, work: (tx: WriteTransaction) => Promise<T>): Promise<T> {
  let transaction: WriteTransaction | undefined
  const result = await db.write.transaction().execute(async (tx) => {
    transaction = tx
    await tx
      .updateTable('counters')
      .set((row) => ({ value: row.ref('value') }))
      .where('name', '=', 'changes')
      .execute()
    return work(tx)
  })
  if (transaction !== undefined && withChange.has(transaction)) db.onChange?.()
  return result
}

/** Marks, no state: the transactions that append to the changes, for as long as they live. */
const withChange = new WeakSet<WriteTransaction>()

/** This transaction changes what gateways remember: `onChange` is called when it has been committed. */
export function marksChange(tx: WriteTransaction): void {
  withChange.add(tx)
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

import { systemRandom } from '../lib/random.ts'
import { advance, type Database, marksChange, type WriteTransaction } from './database.ts'
import type { Change, Changes } from './ports.ts'

/** So many of the newest changes stay. Whoever is further behind sees a hole in the sequence and starts afresh. */
const keptChanges = 10_000
const random = systemRandom()

/** @returns the sequence, which is also the version of what was changed */
export async function appendChange(
  tx: WriteTransaction,
  kind: Change['kind'],
  subject: string,
): Promise<number> {
  marksChange(tx)
  const sequence = await advance(tx, 'changes')
  await tx.insertInto('changes').values({ sequence, kind, subject, mark: random.id() }).execute()
  if (sequence % 1000 === 0) {
    await tx
      .deleteFrom('changes')
      .where('sequence', '<=', sequence - keptChanges)
      .execute()
  }
  return sequence
}

export function createChanges(db: Database): Changes {
  return {
    async latest() {
      const row = await db.read
        .selectFrom('counters')
        .select('value')
        .where('name', '=', 'changes')
        .executeTakeFirstOrThrow()
      return row.value
    },
    async since(sequence, limit) {
      const rows = await db.read
        .selectFrom('changes')
        .selectAll()
        .where('sequence', '>', sequence)
        .orderBy('sequence')
        .limit(limit)
        .execute()
      // Written by `appendChange` alone, so the kind is one of ours.
      return rows.map((row) => ({ ...row, kind: row.kind as Change['kind'] }))
    },
  }
}

import { appendChange } from './changes.ts'
import type { WriteTransaction } from './database.ts'

/**
 * A device is to be woken, not before the time given: within the transaction that gives it a reason to come, so that
 * no reason is without its push. A push that is wanted already becomes due earlier, never later, and what has gone wrong
 * with it so far counts no more.
 */
export async function wantPush(tx: WriteTransaction, enrollment: string, notBefore: number): Promise<void> {
  const wanted = await appendChange(tx, 'push-wanted', enrollment)
  await tx
    .insertInto('push_outbox')
    .values({
      enrollment,
      wanted,
      due_at: notBefore,
      failures: 0,
      accepted: 0,
      accepted_at: null,
      last_answer: null,
    })
    .onConflict((conflict) =>
      conflict.column('enrollment').doUpdateSet((row) => ({
        wanted: row.ref('excluded.wanted'),
        due_at: row
          .case()
          .when('push_outbox.due_at', '<', row.ref('excluded.due_at'))
          .then(row.ref('push_outbox.due_at'))
          .else(row.ref('excluded.due_at'))
          .end(),
        failures: 0,
        accepted: 0,
      })),
    )
    .execute()
}

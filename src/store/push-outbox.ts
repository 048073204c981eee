import { type Database, write } from './database.ts'
import type { PushOutbox, PushResult, WantedPush } from './enrollment-ports.ts'
import type { PushRow } from './schema.ts'
import { wantPush } from './want-push.ts'

export function createPushOutbox(db: Database): PushOutbox {
  return {
    wantPush: (enrollment, notBefore) => write(db, (tx) => wantPush(tx, enrollment, notBefore)),
    async settlePush(enrollment) {
      // Most devices come without having been called: that costs no write.
      if ((await read(db, enrollment)) === undefined) return
      await db.write.deleteFrom('push_outbox').where('enrollment', '=', enrollment).execute()
    },
    due: (now, limit) => due(db, now, limit),
    async nextDue() {
      const row = await db.read
        .selectFrom('push_outbox')
        .select('due_at')
        .orderBy('due_at')
        .limit(1)
        .executeTakeFirst()
      return row?.due_at
    },
    took: (results) => took(db, results),
    async get(enrollment) {
      const row = await read(db, enrollment)
      return row && toWanted(row)
    },
    async size() {
      const { count } = await db.read
        .selectFrom('push_outbox')
        .select((row) => row.fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow()
      return Number(count)
    },
  }
}

function read(db: Database, enrollment: string): Promise<PushRow | undefined> {
  return db.read.selectFrom('push_outbox').selectAll().where('enrollment', '=', enrollment).executeTakeFirst()
}

async function due(db: Database, now: number, limit: number): Promise<readonly WantedPush[]> {
  const rows = await db.read
    .selectFrom('push_outbox')
    .selectAll()
    .where('due_at', '<=', now)
    .orderBy('due_at')
    .orderBy('enrollment')
    .limit(limit)
    .execute()
  return rows.map(toWanted)
}

/**
 * In one transaction for the whole batch. A push that was wanted anew while this one was under way stays due: what the
 * device has fetched may not hold the new reason.
 */
async function took(db: Database, results: readonly PushResult[]): Promise<void> {
  if (results.length === 0) return
  await db.write.transaction().execute(async (tx) => {
    for (const { push, answer, next } of results) {
      if (next === undefined) {
        await tx
          .deleteFrom('push_outbox')
          .where('enrollment', '=', push.enrollment)
          .where('wanted', '=', push.wanted)
          .execute()
        continue
      }
      await tx
        .updateTable('push_outbox')
        .set({
          due_at: next.dueAt,
          failures: next.failures,
          accepted: next.accepted,
          last_answer: answer,
          ...(next.acceptedAt !== undefined && { accepted_at: next.acceptedAt }),
        })
        .where('enrollment', '=', push.enrollment)
        .where('wanted', '=', push.wanted)
        .execute()
    }
  })
}

function toWanted(row: PushRow): WantedPush {
  return {
    enrollment: row.enrollment,
    wanted: row.wanted,
    dueAt: row.due_at,
    failures: row.failures,
    accepted: row.accepted,
    ...(row.accepted_at !== null && { acceptedAt: row.accepted_at }),
    ...(row.last_answer !== null && { lastAnswer: row.last_answer }),
  }
}

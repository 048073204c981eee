import type { ExpressionBuilder } from 'kysely'
import { type Database, write } from './database.ts'
import type { PushOutbox, PushResult, WantedPush } from './enrollment-ports.ts'
import type { PushRow, Schema } from './schema.ts'
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

/** Pushes that share one statement. */
const together = 200

/**
 * In one transaction for the whole batch; pushes that went the same way share a statement. One that was wanted anew
 * while it was under way stays due: what the device has fetched may not hold the new reason.
 */
async function took(db: Database, results: readonly PushResult[]): Promise<void> {
  if (results.length === 0) return
  await db.write.transaction().execute(async (tx) => {
    for (const { next, answer, pushes } of byOutcome(results)) {
      const these = conditionOf(pushes)
      if (next === undefined) await tx.deleteFrom('push_outbox').where(these).execute()
      else {
        const { dueAt, failures, accepted, acceptedAt } = next
        const set = { due_at: dueAt, failures, accepted, last_answer: answer }
        await tx
          .updateTable('push_outbox')
          .set({ ...set, ...(acceptedAt !== undefined && { accepted_at: acceptedAt }) })
          .where(these)
          .execute()
      }
    }
  })
}

interface SameOutcome {
  readonly next: PushResult['next']
  readonly answer: string
  readonly pushes: readonly WantedPush[]
}

function byOutcome(results: readonly PushResult[]): readonly SameOutcome[] {
  const groups = Map.groupBy(results, ({ next, answer }) => JSON.stringify([answer, next]))
  return [...groups.values()].flatMap((group) => {
    const { next, answer } = group[0] as PushResult // groups are not empty
    const steps = Array.from({ length: Math.ceil(group.length / together) }, (_, step) => step * together)
    return steps.map((from) => ({
      next,
      answer,
      pushes: group.slice(from, from + together).map(({ push }) => push),
    }))
  })
}

function conditionOf(pushes: readonly WantedPush[]) {
  return (row: ExpressionBuilder<Schema, 'push_outbox'>) =>
    row.or(
      pushes.map(({ enrollment, wanted }) =>
        row.and([row('enrollment', '=', enrollment), row('wanted', '=', wanted)]),
      ),
    )
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

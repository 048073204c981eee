import { appendAudit, firstSequence, latestRemoval } from './audit-log.ts'
import { type Database, type WriteTransaction, write } from './database.ts'
import type { Retention } from './ports.ts'

/** So many steps are announced by one record of the audit log. */
const stepsAnnounced = 100

/**
 * Old records go from the beginning of the audit log, so that what stays is a chain without holes. Before any is removed,
 * a record in that very chain names the last one that will go and its hash (`audit.removed`): `verify` demands it, so
 * whoever cuts the log short has to say so in it.
 */
export function createRetention(db: Database): Retention {
  return {
    removeAudit: (before, atMost) => write(db, (tx) => removeAudit(tx, { before, atMost, now: db.now() })),
    removeRefusals: (before, atMost) =>
      write(db, async (tx) => {
        const old = tx
          .selectFrom('refusals')
          .select('sequence')
          .where('at', '<', before)
          .orderBy('at')
          .limit(atMost)
        const { numDeletedRows } = await tx
          .deleteFrom('refusals')
          .where('sequence', 'in', old)
          .executeTakeFirst()
        return Number(numDeletedRows)
      }),
  }
}

interface Step {
  readonly before: number
  readonly atMost: number
  readonly now: number
}

async function removeAudit(tx: WriteTransaction, step: Step): Promise<number> {
  const first = await firstSequence(tx)
  if (first === undefined) return 0
  const announced = await latestRemoval(tx)
  const through =
    announced !== undefined && announced.through >= first
      ? announced.through
      : await announce(tx, first, step)
  if (through === undefined) return 0
  const last = Math.min(through, first + step.atMost - 1)
  const { numDeletedRows } = await tx.deleteFrom('audit').where('sequence', '<=', last).executeTakeFirst()
  return Number(numDeletedRows)
}

/**
 * A record that says that it is younger keeps all that follow it, whatever they say: a clock that was wrong for a
 * while keeps too much and never too little.
 * @returns the last sequence to remove; undefined when the first record is young enough to stay
 */
async function announce(
  tx: WriteTransaction,
  first: number,
  { before, atMost, now }: Step,
): Promise<number | undefined> {
  const end = first + stepsAnnounced * atMost
  const stays = await tx
    .selectFrom('audit')
    .select('sequence')
    .where('sequence', '<', end)
    .where('at', '>=', before)
    .orderBy('sequence')
    .limit(1)
    .executeTakeFirst()
  const last = await tx
    .selectFrom('audit')
    .select(['sequence', 'hash'])
    .where('sequence', '<', stays?.sequence ?? end)
    .orderBy('sequence', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (last === undefined) return undefined
  await appendAudit(tx, {
    at: now,
    action: 'audit.removed',
    actor: 'gateway',
    subject: 'audit',
    details: { through: last.sequence, hash: last.hash, before },
  })
  return last.sequence
}

import { appendAudit, firstSequence, latestRemoval } from './audit-log.ts'
import { type Database, type WriteTransaction, write } from './database.ts'
import type { Retention } from './ports.ts'
import { removeEndedKeys } from './proxied-key-removal.ts'

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
      write(db, (tx) => {
        const old = tx.selectFrom('refusals').select('sequence').where('at', '<', before)
        const some = old.orderBy('at').limit(atMost)
        return deleted(tx.deleteFrom('refusals').where('sequence', 'in', some))
      }),
    removeApprovals: (before, atMost) =>
      write(db, (tx) => {
        const old = tx.selectFrom('approvals').select('id').where('requested_at', '<', before)
        const some = old.orderBy('requested_at').limit(atMost)
        return deleted(tx.deleteFrom('approvals').where('id', 'in', some))
      }),
    removeAppDevices: (before, atMost) =>
      write(db, (tx) =>
        deleted(tx.deleteFrom('app_devices').where('id', 'in', unusedApps(tx, before, atMost))),
      ),
    removeScepKeys: (before, atMost) => write(db, (tx) => removeEndedKeys(tx, before, atMost)),
    removeExpired: (before, atMost) =>
      write(db, async (tx) => {
        let removed = 0
        for (const table of ['registration_keys', 'grants', 'binding_tickets'] as const) {
          const ended = tx.selectFrom(table).select('hash').where('expires_at', '<', before)
          const some = ended.orderBy('expires_at').limit(atMost)
          removed += await deleted(tx.deleteFrom(table).where('hash', 'in', some))
        }
        return removed
      }),
  }
}

/** A revoked one stays: it is how its key is told from a new one. */
function unusedApps(tx: WriteTransaction, before: number, atMost: number) {
  return tx
    .selectFrom('app_devices')
    .select('id')
    .where('last_seen_at', '<', before)
    .where('revoked_at', 'is', null)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('registrations')
            .select('id')
            .whereRef('registrations.app_device', '=', 'app_devices.id'),
        ),
      ),
    )
    .orderBy('last_seen_at')
    .limit(atMost)
}

interface Deleting {
  executeTakeFirst(): Promise<{ readonly numDeletedRows: bigint } | undefined>
}

async function deleted(query: Deleting): Promise<number> {
  return Number((await query.executeTakeFirst())?.numDeletedRows ?? 0)
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

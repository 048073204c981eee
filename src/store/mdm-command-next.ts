import type { MdmCommand } from '../domain/mdm-command.ts'
import { appendAudit } from './audit-log.ts'
import { appendChange } from './changes.ts'
import { type Database, type WriteTransaction, write } from './database.ts'
import { toCommand } from './enrollment-rows.ts'
import type { MdmCommandRow } from './schema.ts'

interface NextQuery {
  readonly fresh: boolean
  readonly renewalOnly: boolean
  readonly at: number
}

/** Most devices that come find nothing: that costs no write. */
export async function nextCommand(
  db: Database,
  enrollment: string,
  query: NextQuery,
): Promise<MdmCommand | undefined> {
  if ((await candidates(db.read, enrollment)).length === 0) return undefined
  return write(db, async (tx) => {
    for (const row of await candidates(tx, enrollment)) {
      if (row.expires_at !== null && row.expires_at <= query.at) await expire(tx, row, query.at)
      else if (isFor(row, query)) return send(tx, row, query.at)
    }
    return undefined
  })
}

/** In the order of the queue. */
function candidates(db: Database['read'], enrollment: string): Promise<MdmCommandRow[]> {
  return db
    .selectFrom('mdm_commands')
    .selectAll()
    .where('enrollment', '=', enrollment)
    .where('waiting', '=', 1)
    .orderBy('sequence')
    .limit(1000)
    .execute()
}

/** What got NotNow is not offered again in the session that it was said in: a device could be asked for ever. */
function isFor(row: MdmCommandRow, { fresh, renewalOnly }: NextQuery): boolean {
  if (renewalOnly && row.renewal === 0) return false
  return fresh || row.state !== 'not-now'
}

/** Sent without a report so far: given again, under the same UUID. */
async function send(tx: WriteTransaction, row: MdmCommandRow, at: number): Promise<MdmCommand> {
  const sent = await tx
    .updateTable('mdm_commands')
    .set({ state: 'sent', sent_at: at, attempts: row.attempts + 1 })
    .where('uuid', '=', row.uuid)
    .returningAll()
    .executeTakeFirstOrThrow()
  return toCommand(sent)
}

async function expire(tx: WriteTransaction, row: MdmCommandRow, at: number): Promise<void> {
  await tx
    .updateTable('mdm_commands')
    .set({ state: 'expired', waiting: 0, finished_at: at, not_before: null })
    .where('uuid', '=', row.uuid)
    .execute()
  await appendChange(tx, 'enrollment', row.enrollment)
  if (row.routine === 1) return
  await appendAudit(tx, {
    at,
    action: 'command.finished',
    actor: 'enrollment',
    subject: row.enrollment,
    details: { command: row.uuid, requestType: row.request_type, state: 'expired' },
  })
}

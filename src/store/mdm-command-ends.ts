import { appendAudit } from './audit-log.ts'
import { appendChange } from './changes.ts'
import type { WriteTransaction } from './database.ts'
import type { Actor } from './ports.ts'

/** Takes back all that waits for this enrollment. */
export async function cancelWaiting(tx: WriteTransaction, enrollment: string, by: Actor): Promise<void> {
  const cancelled = await tx
    .updateTable('mdm_commands')
    .set({ state: 'cancelled', waiting: 0, finished_at: by.at, not_before: null })
    .where('enrollment', '=', enrollment)
    .where('waiting', '=', 1)
    .returning(['uuid', 'request_type'])
    .execute()
  for (const command of cancelled) await auditCancelled(tx, { enrollment, ...command }, by)
}

export async function auditCancelled(
  tx: WriteTransaction,
  command: { readonly enrollment: string; readonly uuid: string; readonly request_type: string },
  by: Actor,
): Promise<void> {
  await appendChange(tx, 'enrollment', command.enrollment)
  await appendAudit(tx, {
    at: by.at,
    action: 'command.cancelled',
    actor: by.name,
    subject: command.enrollment,
    why: by.why,
    details: { command: command.uuid, requestType: command.request_type },
  })
}

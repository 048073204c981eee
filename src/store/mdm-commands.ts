import { type MdmCommand, waitingStates } from '../domain/mdm-command.ts'
import { appendAudit } from './audit-log.ts'
import { appendChange } from './changes.ts'
import { type Database, type WriteTransaction, write } from './database.ts'
import type { CommandReport, EnqueueOutcome, MdmCommands, NewCommand } from './enrollment-ports.ts'
import { type OpenSeal, toCommand } from './enrollment-rows.ts'
import { auditCancelled } from './mdm-command-ends.ts'
import { nextCommand } from './mdm-command-next.ts'
import type { Actor } from './ports.ts'
import type { MdmCommandRow } from './schema.ts'
import { wantPush } from './want-push.ts'

/** So many of an enrollment's finished commands stay. */
const keptFinished = 50
const longestResult = 256 * 1024
const usualLimit = 1000

/** The queues of commands, one an enrollment. A command leaves its queue by a report with its UUID only. */
export function createMdmCommands(db: Database, openSeal: OpenSeal): MdmCommands {
  const column = async (uuid: string, name: 'payload' | 'result') => {
    const row = await db.read
      .selectFrom('mdm_commands')
      .select(name)
      .where('uuid', '=', uuid)
      .executeTakeFirst()
    const sealed = row?.[name] ?? undefined
    return sealed === undefined ? undefined : (await openSeal()).open(sealed, `${name} ${uuid}`)
  }
  return {
    async enqueue(command, by, limit = usualLimit) {
      const payload = (await openSeal()).close(command.payload, `payload ${command.uuid}`)
      return write(db, (tx) => enqueue(tx, { command, payload, by, limit }))
    },
    async get(uuid) {
      const row = await db.read
        .selectFrom('mdm_commands')
        .selectAll()
        .where('uuid', '=', uuid)
        .executeTakeFirst()
      return row && toCommand(row)
    },
    async list({ enrollment, states, limit }) {
      let rows = db.read.selectFrom('mdm_commands').selectAll().where('enrollment', '=', enrollment)
      if (states !== undefined) rows = rows.where('state', 'in', [...states])
      const found = await rows.orderBy('sequence', 'desc').limit(limit).execute()
      return found.map(toCommand)
    },
    payload: (uuid) => column(uuid, 'payload'),
    result: (uuid) => column(uuid, 'result'),
    next: (enrollment, query) => nextCommand(db, enrollment, query),
    async report(report) {
      const kept = report.body !== undefined && report.body.length <= longestResult ? report.body : undefined
      const result = kept && (await openSeal()).close(kept, `result ${report.uuid}`)
      return write(db, (tx) => takeReport(tx, report, result))
    },
    cancel: (uuid, by) => write(db, (tx) => cancel(tx, uuid, by)),
    async deferredUntil(enrollment) {
      const row = await db.read
        .selectFrom('mdm_commands')
        .select((one) => one.fn.min('not_before').as('earliest'))
        .where('enrollment', '=', enrollment)
        .where('waiting', '=', 1)
        .where('state', '=', 'not-now')
        .executeTakeFirst()
      return row?.earliest == null ? undefined : Number(row.earliest)
    },
    async waiting({ now, after, limit }) {
      let rows = db.read
        .selectFrom('mdm_commands')
        .select('enrollment')
        .distinct()
        .where('waiting', '=', 1)
        .where((row) => row.or([row('not_before', 'is', null), row('not_before', '<=', now)]))
      if (after !== undefined) rows = rows.where('enrollment', '>', after)
      const found = await rows.orderBy('enrollment').limit(limit).execute()
      return found.map((row) => row.enrollment)
    },
  }
}

interface Enqueued {
  readonly command: NewCommand
  readonly payload: string
  readonly by: Actor
  readonly limit: number
}

async function enqueue(
  tx: WriteTransaction,
  { command, payload, by, limit }: Enqueued,
): Promise<EnqueueOutcome> {
  const { uuid, enrollment, requestType } = command
  const target = await tx
    .selectFrom('enrollments')
    .select('state')
    .where('id', '=', enrollment)
    .executeTakeFirst()
  if (target?.state !== 'pending' && target?.state !== 'enrolled') return 'unknown'
  const waiting = await tx
    .selectFrom('mdm_commands')
    .select(['request_type', 'renewal'])
    .where('enrollment', '=', enrollment)
    .where('waiting', '=', 1)
    .execute()
  if (command.renewal === true && waiting.some((one) => one.renewal === 1)) return 'waiting'
  if (command.once === true && waiting.some((one) => one.request_type === requestType)) return 'waiting'
  if (waiting.length >= limit) return 'full'
  const row = newRow(command, { payload, by, sequence: await nextSequence(tx, enrollment) })
  await tx.insertInto('mdm_commands').values(row).execute()
  await appendChange(tx, 'enrollment', enrollment)
  await wantPush(tx, enrollment, by.at)
  if (command.routine !== true)
    await appendAudit(tx, {
      at: by.at,
      action: 'command.queued',
      actor: by.name,
      subject: enrollment,
      why: by.why,
      details: { command: uuid, requestType },
    })
  return 'queued'
}

async function nextSequence(tx: WriteTransaction, enrollment: string): Promise<number> {
  const row = await tx
    .selectFrom('mdm_commands')
    .select((one) => one.fn.max('sequence').as('last'))
    .where('enrollment', '=', enrollment)
    .executeTakeFirst()
  return Number(row?.last ?? 0) + 1
}

function newRow(
  command: NewCommand,
  { payload, by, sequence }: { readonly payload: string; readonly by: Actor; readonly sequence: number },
): MdmCommandRow {
  return {
    uuid: command.uuid,
    enrollment: command.enrollment,
    request_type: command.requestType,
    state: 'queued',
    waiting: 1,
    sequence,
    payload,
    renewal: command.renewal === true ? 1 : 0,
    routine: command.routine === true ? 1 : 0,
    queued_at: by.at,
    queued_by: by.name,
    attempts: 0,
    expires_at: command.expiresAt ?? null,
    ...{ sent_at: null, not_before: null, finished_at: null, errors: null, result: null },
  }
}

async function takeReport(
  tx: WriteTransaction,
  report: CommandReport,
  result: string | undefined,
): Promise<MdmCommand | undefined> {
  const { uuid, enrollment, state, errors, at } = report
  const row = await tx
    .selectFrom('mdm_commands')
    .selectAll()
    .where('uuid', '=', uuid)
    .where('enrollment', '=', enrollment)
    .where('waiting', '=', 1)
    .executeTakeFirst()
  // A command that was never given to the device has no answer.
  if (row === undefined || row.attempts === 0) return undefined
  const ends = state !== 'not-now'
  const changed = await tx
    .updateTable('mdm_commands')
    .set({
      state,
      waiting: ends ? 0 : 1,
      finished_at: ends ? at : null,
      not_before: ends ? null : (report.notBefore ?? at),
      errors: errors.length === 0 ? null : JSON.stringify(errors),
      ...(ends && result !== undefined && { result }),
    })
    .where('uuid', '=', uuid)
    .returningAll()
    .executeTakeFirstOrThrow()
  await appendChange(tx, 'enrollment', enrollment)
  if (ends) await finished(tx, changed, at)
  return toCommand(changed)
}

async function finished(tx: WriteTransaction, row: MdmCommandRow, at: number): Promise<void> {
  const { enrollment, uuid, request_type: requestType, state } = row
  if (row.routine === 0)
    await appendAudit(tx, {
      at,
      action: 'command.finished',
      actor: 'enrollment',
      subject: enrollment,
      details: { command: uuid, requestType, state },
    })
  await tx
    .deleteFrom('mdm_commands')
    .where('enrollment', '=', enrollment)
    .where('waiting', '=', 0)
    .where('sequence', '<=', row.sequence - keptFinished)
    .execute()
}

async function cancel(tx: WriteTransaction, uuid: string, by: Actor): Promise<boolean> {
  const gone = await tx
    .updateTable('mdm_commands')
    .set({ state: 'cancelled', waiting: 0, finished_at: by.at, not_before: null })
    .where('uuid', '=', uuid)
    .where('state', 'in', [...waitingStates])
    .returning(['enrollment', 'uuid', 'request_type'])
    .executeTakeFirst()
  if (gone !== undefined) await auditCancelled(tx, gone, by)
  return gone !== undefined
}

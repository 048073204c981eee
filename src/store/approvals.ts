import { z } from 'zod'
import type { AuditAction } from '../domain/audit.ts'
import { networkOf } from '../lib/ip-address.ts'
import { appendAudit } from './audit-log.ts'
import { appendChange } from './changes.ts'
import { type Database, type WriteTransaction, write } from './database.ts'
import type { Actor, Approval, ApprovalRequest, ApprovalStatus, Approvals } from './ports.ts'
import { checked, toDevice } from './rows.ts'
import type { ApprovalRow } from './schema.ts'

const statuses = ['waiting', 'granted', 'denied'] as const satisfies readonly ApprovalStatus[]
const decided: Readonly<Record<'granted' | 'denied', AuditAction>> = {
  granted: 'approval.granted',
  denied: 'approval.denied',
}

export function createApprovals(db: Database): Approvals {
  return {
    request: (request, limit) => requestApproval(db, request, limit),
    findByKeys: (hashes, user) => find(db.read, hashes, user),
    list: (status, limit) => list(db, status, limit),
    decide: (id, status, by) => write(db, (tx) => decide(tx, id, { status, by })),
  }
}

async function requestApproval(
  db: Database,
  request: ApprovalRequest,
  limit: number,
): Promise<Approval | 'full'> {
  const hashes = request.keys.map((key) => key.hash)
  if (hashes.length === 0) throw new TypeError('An approval needs a key by which the device is known again')
  const known = await find(db.read, hashes, request.user)
  if (known !== undefined) return known
  return write(db, async (tx) => {
    const first = await find(tx, hashes, request.user)
    if (first !== undefined) return first
    if (await isFull(tx, request.source, limit)) return 'full'
    return insert(tx, `a_${db.newId()}`, request)
  })
}

/** What one source may take of the places, at least, and as a part of them. */
const fewestOfSource = 10
const partOfSource = 10

/**
 * Whoever asks has proved nothing yet. One source must not take all places, or nobody else could ask any more: not until
 * an administrator has denied what it asked for, one by one.
 */
async function isFull(tx: WriteTransaction, source: string, limit: number): Promise<boolean> {
  const rows = await tx.selectFrom('approvals').select('source').where('status', '=', 'waiting').execute()
  if (rows.length >= limit) return true
  const own = networkOf(source)
  const ofSource = rows.filter((row) => networkOf(row.source) === own).length
  return ofSource >= Math.max(fewestOfSource, Math.floor(limit / partOfSource))
}

async function insert(tx: WriteTransaction, id: string, request: ApprovalRequest): Promise<Approval> {
  const { keys, at, user, device, ...rest } = request
  const row: ApprovalRow = {
    ...{ id, service: rest.service, source: rest.source, rule: rest.rule },
    user_name: user ?? null,
    device: JSON.stringify(device),
    status: 'waiting',
    requested_at: at,
    decided_at: null,
    decided_by: null,
  }
  await tx.insertInto('approvals').values(row).execute()
  const hashes = [...new Set(keys.map((key) => key.hash))]
  await tx
    .insertInto('approval_keys')
    .values(hashes.map((hash) => ({ hash, approval_id: id })))
    .execute()
  await appendChange(tx, 'approval', id)
  await appendAudit(tx, {
    at,
    action: 'approval.requested',
    actor: 'gateway',
    subject: id,
    details: { ...rest, ...(user === undefined ? {} : { user }) },
  })
  return toApproval(row)
}

/** The first key that is known wins; of several approvals for it, the newest. */
async function find(
  db: Database['read'],
  hashes: readonly string[],
  user: string | undefined,
): Promise<Approval | undefined> {
  if (hashes.length === 0) return undefined
  let query = db
    .selectFrom('approval_keys')
    .innerJoin('approvals', 'approvals.id', 'approval_keys.approval_id')
    .selectAll('approvals')
    .select('approval_keys.hash')
    .where('approval_keys.hash', 'in', [...hashes])
    .orderBy('approvals.requested_at', 'desc')
  // A device that claims another user's id must neither use that user's approval nor stand in its way.
  if (user !== undefined)
    query = query.where((row) => row.or([row('user_name', '=', user), row('user_name', 'is', null)]))
  const rows = await query.execute()
  const hash = hashes.find((known) => rows.some((row) => row.hash === known))
  const row = rows.find((found) => found.hash === hash)
  return row === undefined ? undefined : toApproval(row)
}

async function list(
  db: Database,
  status: ApprovalStatus | undefined,
  limit: number,
): Promise<readonly Approval[]> {
  let query = db.read.selectFrom('approvals').selectAll()
  if (status !== undefined) query = query.where('status', '=', status)
  const rows = await query.orderBy('requested_at', 'desc').orderBy('id', 'desc').limit(limit).execute()
  return rows.map(toApproval)
}

async function decide(
  tx: WriteTransaction,
  id: string,
  decision: { readonly status: 'granted' | 'denied'; readonly by: Actor },
): Promise<Approval | undefined> {
  const { status, by } = decision
  const row = await tx
    .updateTable('approvals')
    .set({ status, decided_at: by.at, decided_by: by.name })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirst()
  if (row === undefined) return undefined
  await appendChange(tx, 'approval', id)
  await appendAudit(tx, {
    at: by.at,
    action: decided[status],
    actor: by.name,
    subject: id,
    why: by.why,
    details: { service: row.service, ...(row.user_name === null ? {} : { user: row.user_name }) },
  })
  return toApproval(row)
}

/** Approvals that were granted to these keys, for this user or for whoever signs in, speak for nobody else afterwards. */
export async function spendApprovals(
  tx: WriteTransaction,
  hashes: readonly string[],
  user: string,
): Promise<void> {
  if (hashes.length === 0) return
  const gone = await tx
    .deleteFrom('approvals')
    .where('status', '=', 'granted')
    .where((row) => row.or([row('user_name', '=', user), row('user_name', 'is', null)]))
    .where('id', 'in', (spent) =>
      spent
        .selectFrom('approval_keys')
        .select('approval_id')
        .where('hash', 'in', [...hashes]),
    )
    .returning('id')
    .execute()
  for (const { id } of gone) await appendChange(tx, 'approval', id)
}

function toApproval(row: ApprovalRow): Approval {
  const where = `approval ${row.id}`
  return {
    id: row.id,
    service: row.service,
    ...(row.user_name === null ? {} : { user: row.user_name }),
    device: toDevice(row.device, where),
    source: row.source,
    rule: row.rule,
    at: row.requested_at,
    status: checked(z.enum(statuses), row.status, where),
    ...(row.decided_at === null ? {} : { decidedAt: row.decided_at }),
    ...(row.decided_by === null ? {} : { decidedBy: row.decided_by }),
  }
}

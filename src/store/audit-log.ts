import { z } from 'zod'
import { type AuditEvent, type AuditRecord, auditActions } from '../domain/audit.ts'
import { canonicalJson } from '../lib/canonical-json.ts'
import { sha256 } from '../lib/hash.ts'
import { advance, type Database, type WriteTransaction, write } from './database.ts'
import type { AuditLog } from './ports.ts'
import { checked, fromJson } from './rows.ts'
import type { AuditRow } from './schema.ts'

/** What the first record names as the hash of the one before. */
const genesis = ''
const verifiedAtOnce = 500

/**
 * Appends within the transaction of the change that it tells of. The chain: `hash` is SHA-256 over the canonical JSON
 * of the whole record but itself, `previousHash` among it. The counter knows how many there are, so that cutting off
 * the end shows as well.
 */
export async function appendAudit(tx: WriteTransaction, event: AuditEvent): Promise<AuditRecord> {
  const sequence = await advance(tx, 'audit')
  const before = await tx
    .selectFrom('audit')
    .select('hash')
    .where('sequence', '=', sequence - 1)
    .executeTakeFirst()
  const chained = { ...event, sequence, previousHash: before?.hash ?? genesis }
  const record = { ...chained, hash: hashOf(chained) }
  await tx.insertInto('audit').values(toRow(record)).execute()
  return record
}

export function createAuditLog(db: Database): AuditLog {
  return {
    append: (event) => write(db, (tx) => appendAudit(tx, event)),
    list: (query) => list(db, query),
    verify: () => verify(db),
  }
}

async function list(db: Database, query: Parameters<AuditLog['list']>[0]): Promise<AuditRecord[]> {
  const { after, subject } = query
  let rows = db.read.selectFrom('audit').selectAll().limit(query.limit)
  if (subject !== undefined) rows = rows.where('subject', '=', subject)
  if (after !== undefined) {
    const found = await rows.where('sequence', '>', after).orderBy('sequence').execute()
    return found.map(toRecord)
  }
  const newest = await rows.orderBy('sequence', 'desc').execute()
  return newest.reverse().map(toRecord)
}

async function verify(db: Database): Promise<number | undefined> {
  const counter = await db.read
    .selectFrom('counters')
    .select('value')
    .where('name', '=', 'audit')
    .executeTakeFirstOrThrow()
  const last: AuditLink = { sequence: 0, hash: genesis }
  for (;;) {
    const rows = await db.read
      .selectFrom('audit')
      .selectAll()
      .where('sequence', '>', last.sequence)
      .orderBy('sequence')
      .limit(verifiedAtOnce)
      .execute()
    if (rows.length === 0) return last.sequence < counter.value ? last.sequence + 1 : undefined
    for (const row of rows) {
      if (!follows(row, last)) return last.sequence + 1
      last.sequence = row.sequence
      last.hash = row.hash
    }
  }
}

interface AuditLink {
  sequence: number
  hash: string
}

function follows(row: AuditRow, last: AuditLink): boolean {
  if (row.sequence !== last.sequence + 1 || row.previous_hash !== last.hash) return false
  try {
    const { hash, ...chained } = toRecord(row)
    return hashOf(chained) === hash
  } catch {
    return false
  }
}

function hashOf(record: Omit<AuditRecord, 'hash'>): string {
  return sha256(canonicalJson({ ...record }))
}

function toRow(record: AuditRecord): AuditRow {
  const { previousHash, why, details, ...rest } = record
  return { ...rest, why: why ?? null, details: canonicalJson(details), previous_hash: previousHash }
}

const action = z.enum(auditActions)
const details = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]))

function toRecord(row: AuditRow): AuditRecord {
  const where = `audit ${row.sequence}`
  return {
    sequence: row.sequence,
    at: row.at,
    action: checked(action, row.action, where),
    actor: row.actor,
    subject: row.subject,
    ...(row.why === null ? {} : { why: row.why }),
    details: fromJson(details, row.details, where),
    previousHash: row.previous_hash,
    hash: row.hash,
  }
}

import type { Kysely } from 'kysely'
import { z } from 'zod'
import { type AuditEvent, type AuditRecord, auditActions } from '../domain/audit.ts'
import { canonicalJson } from '../lib/canonical-json.ts'
import { sha256 } from '../lib/hash.ts'
import { advance, type Database, type WriteTransaction, write } from './database.ts'
import { RecordUnavailable } from './errors.ts'
import type { AuditLog } from './ports.ts'
import { checked, fromJson } from './rows.ts'
import type { AuditRow, Schema } from './schema.ts'

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

/** @returns the sequence of the oldest record that is there */
export async function firstSequence(db: Kysely<Schema>): Promise<number | undefined> {
  const row = await db.selectFrom('audit').select('sequence').orderBy('sequence').limit(1).executeTakeFirst()
  return row?.sequence
}

/** What the log says that was, or is being, removed from its beginning. */
export interface Removal {
  readonly through: number
  /** Of the record `through`. */
  readonly hash: string
}

export async function latestRemoval(db: Kysely<Schema>): Promise<Removal | undefined> {
  const row = await db
    .selectFrom('audit')
    .selectAll()
    .where('subject', '=', 'audit')
    .where('action', '=', 'audit.removed')
    .orderBy('sequence', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row && removal.parse(toRecord(row).details)
}

/** Old records may be removed meanwhile: then the chain is looked at again from its new beginning. */
async function verify(db: Database): Promise<number | undefined> {
  for (;;) {
    const first = await firstSequence(db.read)
    const bad = await verifyFrom(db, first)
    if (bad === undefined || first === (await firstSequence(db.read))) return bad
  }
}

async function verifyFrom(db: Database, first: number | undefined): Promise<number | undefined> {
  const counter = await db.read
    .selectFrom('counters')
    .select('value')
    .where('name', '=', 'audit')
    .executeTakeFirstOrThrow()
  const last: AuditLink = { sequence: 0, hash: genesis }
  const removed = first === undefined || first === 1 ? undefined : await removalOrNone(db)
  if (removed !== undefined && first !== undefined) {
    if (removed.through < first - 1) return removed.through + 1
    last.sequence = first - 1
    // Some of what is to go is still there: the hash of the last of it is what proves them.
    last.hash = removed.through === last.sequence ? removed.hash : undefined
  }
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
      if (removed?.through === row.sequence && removed.hash !== row.hash) return row.sequence
      last.sequence = row.sequence
      last.hash = row.hash
    }
  }
}

/** A record of a removal that does not parse proves none: the chain then lacks its beginning. */
async function removalOrNone(db: Database): Promise<Removal | undefined> {
  try {
    return await latestRemoval(db.read)
  } catch (error) {
    if (error instanceof RecordUnavailable && error.code !== 'corrupt') throw error
    return undefined
  }
}

interface AuditLink {
  sequence: number
  /** Undefined: of a record that was removed, and not known. */
  hash: string | undefined
}

function follows(row: AuditRow, last: AuditLink): boolean {
  if (row.sequence !== last.sequence + 1) return false
  if (last.hash !== undefined && row.previous_hash !== last.hash) return false
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
const removal = z.looseObject({ through: z.int(), hash: z.string() })
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

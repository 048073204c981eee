import type { Actor } from '../domain/actor.ts'
import {
  type CertificatePurpose,
  certificatePurposes,
  type IssuedCertificate,
  type RevocationReason,
  revocationReasons,
} from '../domain/issued-certificate.ts'
import { appendAudit } from './audit-log.ts'
import type { CertificateQuery, Certificates, IssueOutcome } from './certificate-ports.ts'
import { appendChange } from './changes.ts'
import { type Database, type WriteTransaction, write } from './database.ts'
import { RecordUnavailable } from './errors.ts'
import type { CertificateRow } from './schema.ts'

/** Certificates that our authorities have issued. */
export function createCertificates(db: Database): Certificates {
  return {
    issue: (certificate, by) => issue(db, certificate, by),
    bySerial: (serial) => first(db, 'serial', serial),
    byFingerprint: (fingerprint) => first(db, 'fingerprint', fingerprint),
    byPublicKey: (publicKey) => all(db, 'public_key', publicKey),
    ofEnrollment: (enrollment) => all(db, 'enrollment', enrollment),
    list: (query) => list(db, query),
    revoke: (serial, reason, by) => revoke(db, serial, reason, by),
    revokeEnrollment: (enrollment, reason, by) => revokeEnrollment(db, enrollment, reason, by),
    async revokedSerials(now) {
      const rows = await db.read
        .selectFrom('certificates')
        .select('serial')
        .where('revoked_at', 'is not', null)
        .where('not_after', '>=', now)
        .execute()
      return rows.map(({ serial }) => serial)
    },
    async revokedBy(authority, now) {
      const rows = await db.read
        .selectFrom('certificates')
        .selectAll()
        .where('authority', '=', authority)
        .where('revoked_at', 'is not', null)
        .where('not_after', '>=', now)
        .orderBy('serial')
        .execute()
      return rows.map(toCertificate)
    },
  }
}

function issue(db: Database, certificate: IssuedCertificate, by: Omit<Actor, 'why'>): Promise<IssueOutcome> {
  return write(db, async (tx) => {
    const refused = await spendChallenge(tx, certificate, by.at)
    if (refused !== undefined) return refused
    const { predecessor, challenge, user } = certificate
    if (predecessor !== undefined && !(await isInForce(tx, predecessor))) return { outcome: 'revoked' }
    await tx.insertInto('certificates').values(toRow(certificate)).execute()
    await appendAudit(tx, {
      at: by.at,
      action: 'certificate.issued',
      actor: by.name,
      subject: certificate.serial,
      details: {
        enrollment: certificate.enrollment,
        purpose: certificate.purpose,
        notAfter: certificate.notAfter,
        ...(user !== undefined && { user }),
        ...(predecessor !== undefined && { renews: predecessor }),
        ...(challenge !== undefined && { transaction: certificate.transaction ?? '' }),
      },
    })
    return { outcome: 'issued', certificate }
  })
}

/** Within the transaction that issues: of two keys that use one challenge at the same moment, one gets a certificate. */
async function spendChallenge(
  tx: WriteTransaction,
  { challenge, publicKey }: IssuedCertificate,
  now: number,
): Promise<IssueOutcome | undefined> {
  if (challenge === undefined) return undefined
  const row = await tx
    .selectFrom('scep_challenges')
    .selectAll()
    .where('hash', '=', challenge)
    .executeTakeFirst()
  if (row === undefined) return { outcome: 'challenge-unknown' }
  if (row.used_by === null) {
    if (row.expires_at <= now) return { outcome: 'challenge-unknown' }
    await tx
      .updateTable('scep_challenges')
      .set({ used_by: publicKey })
      .where('hash', '=', challenge)
      .execute()
    return undefined
  }
  if (row.used_by !== publicKey) return { outcome: 'challenge-used' }
  const issued = await tx
    .selectFrom('certificates')
    .selectAll()
    .where('public_key', '=', publicKey)
    .where('challenge', '=', challenge)
    .executeTakeFirst()
  if (issued === undefined) return { outcome: 'challenge-used' }
  return issued.revoked_at === null
    ? { outcome: 'issued', certificate: toCertificate(issued) }
    : { outcome: 'revoked' }
}

async function isInForce(tx: WriteTransaction, serial: string): Promise<boolean> {
  const row = await find(tx, serial)
  return row !== undefined && row.revoked_at === null
}

async function first(
  db: Database,
  column: 'serial' | 'fingerprint',
  value: string,
): Promise<IssuedCertificate | undefined> {
  const row = await db.read
    .selectFrom('certificates')
    .selectAll()
    .where(column, '=', value)
    .executeTakeFirst()
  return row && toCertificate(row)
}

async function all(
  db: Database,
  column: 'public_key' | 'enrollment',
  value: string,
): Promise<readonly IssuedCertificate[]> {
  const rows = await db.read
    .selectFrom('certificates')
    .selectAll()
    .where(column, '=', value)
    .orderBy('issued_at', 'desc')
    .orderBy('serial', 'desc')
    .execute()
  return rows.map(toCertificate)
}

async function list(
  db: Database,
  { after, limit, purpose, endingBefore }: CertificateQuery,
): Promise<readonly IssuedCertificate[]> {
  const last = after === undefined ? undefined : await first(db, 'serial', after)
  let query = db.read
    .selectFrom('certificates')
    .selectAll()
    .orderBy('issued_at', 'desc')
    .orderBy('serial', 'desc')
    .limit(limit)
  if (last !== undefined)
    query = query.where((row) =>
      row.or([
        row('issued_at', '<', last.issuedAt),
        row.and([row('issued_at', '=', last.issuedAt), row('serial', '<', last.serial)]),
      ]),
    )
  if (purpose !== undefined) query = query.where('purpose', '=', purpose)
  if (endingBefore !== undefined) query = query.where('not_after', '<', endingBefore)
  return (await query.execute()).map(toCertificate)
}

function revoke(
  db: Database,
  serial: string,
  reason: RevocationReason,
  by: Actor,
): Promise<IssuedCertificate | undefined> {
  return write(db, async (tx) => {
    const row = await find(tx, serial)
    if (row === undefined) return undefined
    return revokeRow(tx, row, reason, by)
  })
}

function revokeEnrollment(
  db: Database,
  enrollment: string,
  reason: RevocationReason,
  by: Actor,
): Promise<readonly IssuedCertificate[]> {
  return write(db, (tx) => revokeWithin(tx, enrollment, reason, by))
}

/** All that an enrollment has, and its unused challenges, within a transaction that ends the enrollment. */
export async function revokeWithin(
  tx: WriteTransaction,
  enrollment: string,
  reason: RevocationReason,
  by: Actor,
): Promise<readonly IssuedCertificate[]> {
  await tx
    .deleteFrom('scep_challenges')
    .where('enrollment', '=', enrollment)
    .where('used_by', 'is', null)
    .execute()
  const rows = await tx
    .selectFrom('certificates')
    .selectAll()
    .where('enrollment', '=', enrollment)
    .where('revoked_at', 'is', null)
    .execute()
  const revoked: IssuedCertificate[] = []
  for (const row of rows) revoked.push(await revokeRow(tx, row, reason, by))
  return revoked
}

/** Revoking what is revoked changes nothing. */
async function revokeRow(
  tx: WriteTransaction,
  row: CertificateRow,
  reason: RevocationReason,
  by: Actor,
): Promise<IssuedCertificate> {
  if (row.revoked_at !== null) return toCertificate(row)
  const changed = await tx
    .updateTable('certificates')
    .set({ revoked_at: by.at, revoked_by: by.name, revoked_why: by.why, revoked_reason: reason })
    .where('serial', '=', row.serial)
    .returningAll()
    .executeTakeFirstOrThrow()
  await appendChange(tx, 'certificate', row.serial)
  await appendAudit(tx, {
    at: by.at,
    action: 'certificate.revoked',
    actor: by.name,
    subject: row.serial,
    why: by.why,
    details: { enrollment: row.enrollment, reason },
  })
  return toCertificate(changed)
}

function find(tx: WriteTransaction, serial: string): Promise<CertificateRow | undefined> {
  return tx.selectFrom('certificates').selectAll().where('serial', '=', serial).executeTakeFirst()
}

function toRow(certificate: IssuedCertificate): CertificateRow {
  const { revoked } = certificate
  return {
    serial: certificate.serial,
    authority: certificate.authority,
    purpose: certificate.purpose,
    fingerprint: certificate.fingerprint,
    public_key: certificate.publicKey,
    enrollment: certificate.enrollment,
    user_name: certificate.user ?? null,
    certificate: certificate.certificate,
    not_before: certificate.notBefore,
    not_after: certificate.notAfter,
    issued_at: certificate.issuedAt,
    scep_transaction: certificate.transaction ?? null,
    challenge: certificate.challenge ?? null,
    predecessor: certificate.predecessor ?? null,
    revoked_at: revoked?.at ?? null,
    revoked_by: revoked?.by ?? null,
    revoked_why: revoked?.why ?? null,
    revoked_reason: revoked?.reason ?? null,
  }
}

function toCertificate(row: CertificateRow): IssuedCertificate {
  const { revoked_at: at, revoked_by: by, revoked_why: why, revoked_reason: reason } = row
  if (!isPurpose(row.purpose)) throw corrupt(row.serial)
  if (at !== null && (by === null || why === null || !isReason(reason))) throw corrupt(row.serial)
  return {
    serial: row.serial,
    authority: row.authority,
    purpose: row.purpose,
    fingerprint: row.fingerprint,
    publicKey: row.public_key,
    enrollment: row.enrollment,
    certificate: row.certificate,
    notBefore: row.not_before,
    notAfter: row.not_after,
    issuedAt: row.issued_at,
    ...(row.user_name !== null && { user: row.user_name }),
    ...(row.scep_transaction !== null && { transaction: row.scep_transaction }),
    ...(row.challenge !== null && { challenge: row.challenge }),
    ...(row.predecessor !== null && { predecessor: row.predecessor }),
    ...(at !== null &&
      by !== null &&
      why !== null &&
      isReason(reason) && { revoked: { at, by, why, reason } }),
  }
}

function isPurpose(text: string): text is CertificatePurpose {
  return (certificatePurposes as readonly string[]).includes(text)
}

function isReason(text: string | null): text is RevocationReason {
  return text !== null && Object.hasOwn(revocationReasons, text)
}

function corrupt(serial: string): RecordUnavailable {
  return new RecordUnavailable('corrupt', `The record’s row of certificate ${serial} is not valid`)
}

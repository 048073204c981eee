import type { Actor } from '../domain/actor.ts'
import type { IssuedCertificate, RevocationReason } from '../domain/issued-certificate.ts'
import { appendAudit } from './audit-log.ts'
import {
  type CertificateQuery,
  type Certificates,
  type IssueOutcome,
  mostOwnRenewals,
  type ProfileCertificate,
} from './certificate-ports.ts'
import { readLine, revokeLine, revokeRow, revokeUnused, revokeWithin } from './certificate-revocations.ts'
import { findRow, toCertificate, toRow } from './certificate-rows.ts'
import { carryRegistrations, withOrigin } from './certificate-succession.ts'
import { type Database, type WriteTransaction, write } from './database.ts'
import { endedKeys } from './proxied-keys.ts'
import { proxiedOfProfiles } from './proxied-profiles.ts'
import { slices } from './slices.ts'

/** Certificates that our authorities have issued. */
export function createCertificates(db: Database): Certificates {
  return {
    issue: (certificate, by) => issue(db, certificate, by),
    bySerial: (serial) => first(db, 'serial', serial),
    byFingerprint: (fingerprint) => first(db, 'fingerprint', fingerprint),
    byPublicKey: (publicKey) => all(db, 'public_key', publicKey),
    ofEnrollment: (enrollment) => all(db, 'enrollment', enrollment),
    async ofProfiles(enrollments) {
      const found: ProfileCertificate[] = []
      for (const ids of slices(enrollments)) {
        const rows = await db.read
          .selectFrom('certificates')
          .selectAll()
          .where('enrollment', 'in', ids)
          .where('profile', 'is not', null)
          .orderBy('issued_at', 'desc')
          .orderBy('serial')
          .execute()
        found.push(...rows.map(toCertificate), ...(await proxiedOfProfiles(db, ids)))
      }
      return Map.groupBy(found, ({ enrollment }) => enrollment)
    },
    list: (query) => list(db, query),
    revoke: (serial, reason, by) => revoke(db, serial, reason, by),
    line: (serial) => readLine(db, serial),
    revokeLine: (serial, reason, by) => write(db, (tx) => revokeLine(tx, serial, reason, by)),
    revokeUnused: (issued, by) => revokeUnused(db, issued, by),
    revokeEnrollment: (enrollment, reason, by) => revokeEnrollment(db, enrollment, reason, by),
    async revokedSerials(now) {
      const rows = await db.read
        .selectFrom('certificates')
        .select('serial')
        .where('revoked_at', 'is not', null)
        .where('not_after', '>=', now)
        .execute()
      // How long those of a SCEP server behind are good is not in our hands.
      return [...rows.map(({ serial }) => serial), ...(await endedKeys(db))]
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

function issue(db: Database, asked: IssuedCertificate, by: Omit<Actor, 'why'>): Promise<IssueOutcome> {
  return write(db, async (tx) => {
    const refused = await spendChallenge(tx, asked, by.at)
    if (refused !== undefined) return refused
    const certificate = await withOrigin(tx, asked)
    const { predecessor, challenge, user } = certificate
    if (predecessor !== undefined && !(await isInForce(tx, predecessor))) return { outcome: 'revoked' }
    if (challenge === undefined && predecessor !== undefined && (await hasMany(tx, certificate, by.at)))
      return { outcome: 'too-many' }
    await carryRegistrations(tx, { ...certificate, at: by.at })
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
        ...(certificate.profile !== undefined && { profile: certificate.profile }),
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

async function hasMany(
  tx: WriteTransaction,
  { enrollment }: IssuedCertificate,
  at: number,
): Promise<boolean> {
  const { count } = await tx
    .selectFrom('certificates')
    .select((row) => row.fn.countAll<number>().as('count'))
    .where('enrollment', '=', enrollment)
    .where('predecessor', 'is not', null)
    .where('challenge', 'is', null)
    .where('revoked_at', 'is', null)
    .where('not_after', '>', at)
    .executeTakeFirstOrThrow()
  return Number(count) >= mostOwnRenewals
}

async function isInForce(tx: WriteTransaction, serial: string): Promise<boolean> {
  const row = await findRow(tx, 'serial', serial)
  return row !== undefined && row.revoked_at === null
}

async function first(
  db: Database,
  column: 'serial' | 'fingerprint',
  value: string,
): Promise<IssuedCertificate | undefined> {
  const row = await findRow(db.read, column, value)
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
  { after, limit, purpose, endingBefore, user, enrollment }: CertificateQuery,
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
  if (user !== undefined) query = query.where('user_name', '=', user)
  if (enrollment !== undefined) query = query.where('enrollment', 'in', await namesOf(db, enrollment))
  if (endingBefore !== undefined) query = query.where('not_after', '<', endingBefore)
  return (await query.execute()).map(toCertificate)
}

/** Its id, and what the certificates that it has shown call it: a profile that is downloaded does not know whose it will be. */
async function namesOf(db: Database, enrollment: string): Promise<readonly string[]> {
  const rows = await db.read
    .selectFrom('certificates')
    .innerJoin('enrollment_identities', 'enrollment_identities.certificate', 'certificates.fingerprint')
    .select('certificates.enrollment')
    .distinct()
    .where('enrollment_identities.enrollment', '=', enrollment)
    .execute()
  return [enrollment, ...rows.map((row) => row.enrollment)]
}

function revoke(
  db: Database,
  serial: string,
  reason: RevocationReason,
  by: Actor,
): Promise<IssuedCertificate | undefined> {
  return write(db, async (tx) => {
    const row = await findRow(tx, 'serial', serial)
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

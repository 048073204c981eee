import type { Actor } from '../domain/actor.ts'
import type { IssuedCertificate, RevocationReason } from '../domain/issued-certificate.ts'
import { appendAudit } from './audit-log.ts'
import type { IdentitiesIssued } from './certificate-ports.ts'
import { findRow, toCertificate } from './certificate-rows.ts'
import { appendChange } from './changes.ts'
import type { Database, WriteTransaction } from './database.ts'
import { write } from './database.ts'
import { endKeys } from './proxied-key-ends.ts'
import type { CertificateRow } from './schema.ts'

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
  await endKeys(tx, { enrollment, at: by.at })
  return revoked
}

/** The certificate, those that it renews, and those that renew it. @returns those that held until now, oldest first */
export async function revokeLine(
  tx: WriteTransaction,
  serial: string,
  reason: RevocationReason,
  by: Actor,
): Promise<readonly IssuedCertificate[] | undefined> {
  const row = await findRow(tx, 'serial', serial)
  if (row === undefined) return undefined
  const revoked: IssuedCertificate[] = []
  for (const one of await lineOf(tx, row))
    if (one.revoked_at === null) revoked.push(await revokeRow(tx, one, reason, by))
  return revoked
}

export async function readLine({ read }: Database, serial: string): Promise<readonly IssuedCertificate[]> {
  const row = await findRow(read, 'serial', serial)
  return row === undefined ? [] : (await lineOf(read, row)).map(toCertificate)
}

/**
 * A renewal names the enrollment of what it renews, so that all of a line are found by it. Those before count as much as
 * those after: each opens what the others open, and can be renewed once more.
 */
async function lineOf(
  db: Database['read'] | WriteTransaction,
  start: CertificateRow,
): Promise<readonly CertificateRow[]> {
  const rows = await db
    .selectFrom('certificates')
    .selectAll()
    .where('enrollment', '=', start.enrollment)
    .orderBy('issued_at')
    .orderBy('serial')
    .execute()
  const renewalsOf = Map.groupBy(rows, ({ predecessor }) => predecessor)
  const bySerial = new Map(rows.map((row) => [row.serial, row]))
  const line = new Set<CertificateRow>()
  const open = [start.serial]
  for (let serial = open.pop(); serial !== undefined; serial = open.pop()) {
    const row = bySerial.get(serial)
    if (row === undefined || line.has(row)) continue
    line.add(row)
    if (row.predecessor !== null) open.push(row.predecessor)
    open.push(...(renewalsOf.get(serial) ?? []).map((renewal) => renewal.serial))
  }
  return rows.filter((row) => line.has(row))
}

/** Revoking what is revoked changes nothing. */
export async function revokeRow(
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
  await endKeys(tx, { publicKey: row.public_key, at: by.at })
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

/** Looked for without a lock, and each looked at again when it is revoked: its device may come at this moment. */
export async function revokeUnused(
  db: Database,
  issued: IdentitiesIssued,
  by: Actor,
): Promise<readonly IssuedCertificate[]> {
  const serials = await unusedIn(db.read, issued).select('serial').execute()
  const revoked: IssuedCertificate[] = []
  const failures: unknown[] = []
  for (const { serial } of serials) {
    if (failures.length >= mostFailures) break
    // One that cannot be revoked keeps no other from it; it is told at the end.
    await revokeIfUnused(db, { serial, issued, by }).then(
      (line) => revoked.push(...line),
      (error: unknown) => failures.push(error),
    )
  }
  if (failures.length > 0) throw failures[0]
  return revoked
}

/** So many: then it is hardly the rows. */
const mostFailures = 5

function revokeIfUnused(
  db: Database,
  { serial, issued, by }: { readonly serial: string; readonly issued: IdentitiesIssued; readonly by: Actor },
): Promise<readonly IssuedCertificate[]> {
  return write(db, async (tx) => {
    const row = await unusedIn(tx, issued).select('serial').where('serial', '=', serial).executeTakeFirst()
    // With its renewals: who renews it daily would have an unused one for ever.
    return (row && (await revokeLine(tx, serial, 'cessationOfOperation', by))) ?? []
  })
}

/**
 * Identities of which no device of their user has said that it enrolls. Its own are those that name its enrollment (as in
 * managed profiles) and those of the name of one that it has shown (an over-the-air enrollment has two, a renewal keeps
 * it). The user counts: the name may be a device's id that somebody else has claimed.
 */
function unusedIn(db: Database['read'] | WriteTransaction, { after, before, atMost }: IdentitiesIssued) {
  return (
    db
      .selectFrom('certificates')
      .where('purpose', '=', 'device')
      // Not by the index of the revoked ones: nearly all are not.
      .where((row) => row(row.fn.coalesce('revoked_at', row.val(0)), '=', 0))
      .where('issued_at', '>', after)
      .where('issued_at', '<=', before)
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom('enrollments')
              .select('enrollments.id')
              .whereRef('enrollments.id', '=', 'certificates.enrollment')
              .where('enrollments.state', 'in', ['pending', 'enrolled'])
              .where((row) =>
                row.or([
                  row('enrollments.user_name', 'is', null),
                  row('certificates.user_name', 'is', null),
                  row(
                    row.fn('lower', ['enrollments.user_name']),
                    '=',
                    row.fn('lower', ['certificates.user_name']),
                  ),
                ]),
              ),
          ),
        ),
      )
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom('certificates as shown')
              .innerJoin('enrollment_identities', 'enrollment_identities.certificate', 'shown.fingerprint')
              .innerJoin('enrollments', 'enrollments.id', 'enrollment_identities.enrollment')
              .select('shown.serial')
              .whereRef('shown.enrollment', '=', 'certificates.enrollment')
              .where('enrollments.state', 'in', ['pending', 'enrolled'])
              .where((row) =>
                row.or([
                  row.and([row('shown.user_name', 'is', null), row('certificates.user_name', 'is', null)]),
                  row('shown.user_name', '=', row.ref('certificates.user_name')),
                ]),
              ),
          ),
        ),
      )
      .orderBy('issued_at')
      .limit(atMost)
  )
}

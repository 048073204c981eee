import {
  type CertificatePurpose,
  certificatePurposes,
  type IssuedCertificate,
  type RevocationReason,
  revocationReasons,
} from '../domain/issued-certificate.ts'
import type { Database, WriteTransaction } from './database.ts'
import { RecordUnavailable } from './errors.ts'
import type { CertificateRow } from './schema.ts'

/** Both name one certificate alone. */
export function findRow(
  db: Database['read'] | WriteTransaction,
  column: 'serial' | 'fingerprint',
  value: string,
): Promise<CertificateRow | undefined> {
  return db.selectFrom('certificates').selectAll().where(column, '=', value).executeTakeFirst()
}

export function toRow(certificate: IssuedCertificate): CertificateRow {
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
    profile: certificate.profile ?? null,
    managed_apple_id: certificate.managedAppleId ?? null,
    revoked_at: revoked?.at ?? null,
    revoked_by: revoked?.by ?? null,
    revoked_why: revoked?.why ?? null,
    revoked_reason: revoked?.reason ?? null,
  }
}

export function toCertificate(row: CertificateRow): IssuedCertificate {
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
    ...(row.profile !== null && { profile: row.profile }),
    ...(row.managed_apple_id !== null && { managedAppleId: row.managed_apple_id }),
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

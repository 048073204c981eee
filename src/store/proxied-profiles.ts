import { proxiedAuthority, proxiedSerial } from '../domain/issued-certificate.ts'
import type { ProfileCertificate } from './certificate-ports.ts'
import type { Database } from './database.ts'

/**
 * Certificates that a SCEP server behind has issued for managed profiles went past us encrypted, and no device shows them here. What is known
 * of each is its key, and when that asked; that it is good as long as the identity which the same server has issued to the
 * same device is what there is to go by.
 */
export async function proxiedOfProfiles(
  { read }: Database,
  enrollments: readonly string[],
): Promise<readonly ProfileCertificate[]> {
  const rows = await read
    .selectFrom('proxied_keys')
    .innerJoin('enrollments', 'enrollments.id', 'proxied_keys.enrollment')
    .innerJoin('certificates', 'certificates.fingerprint', 'enrollments.certificate')
    .select([
      'proxied_keys.public_key',
      'proxied_keys.enrollment',
      'proxied_keys.profile',
      'proxied_keys.renews',
      'proxied_keys.bound_at',
      'certificates.not_before',
      'certificates.not_after',
    ])
    .where('proxied_keys.enrollment', 'in', enrollments)
    .where('proxied_keys.profile', 'is not', null)
    .where('proxied_keys.ended_at', 'is', null)
    .where('certificates.authority', '=', proxiedAuthority)
    .execute()
  return rows.map((row) => ({
    serial: proxiedSerial(row.public_key),
    authority: proxiedAuthority,
    enrollment: row.enrollment,
    ...(row.profile !== null && { profile: row.profile }),
    ...(row.renews !== null && { predecessor: row.renews }),
    notBefore: row.bound_at,
    notAfter: row.bound_at + row.not_after - row.not_before,
    issuedAt: row.bound_at,
  }))
}

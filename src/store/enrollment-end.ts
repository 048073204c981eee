import type { Enrollment } from '../domain/enrollment.ts'
import type { IssuedCertificate } from '../domain/issued-certificate.ts'
import { appendAudit } from './audit-log.ts'
import { revokeWithin } from './certificate-revocations.ts'
import { appendChange } from './changes.ts'
import type { WriteTransaction } from './database.ts'
import type { EndedEnrollment, EnrollmentEnd } from './enrollment-ports.ts'
import { registrationsOf } from './enrollment-registrations.ts'
import { toEnrollment } from './enrollment-rows.ts'
import { cancelWaiting } from './mdm-command-ends.ts'
import type { Actor } from './ports.ts'
import { blockWithin } from './registration-writes.ts'
import type { EnrollmentRow } from './schema.ts'
import { wantPush } from './want-push.ts'

interface Ending {
  readonly id: string
  readonly end: EnrollmentEnd
  readonly by: Actor
}

export async function endEnrollment(
  tx: WriteTransaction,
  ending: Ending,
): Promise<EndedEnrollment | undefined> {
  const { id, end, by } = ending
  const row = await tx.selectFrom('enrollments').selectAll().where('id', '=', id).executeTakeFirst()
  if (row === undefined) return undefined
  const before = toEnrollment(row)
  if (before.state === 'gone' || (before.state === 'leaving' && end === 'leaving'))
    return { enrollment: before, blocked: [], revoked: [] }
  // A device that leaves when it was told to has ended before: who ended it, and why, stays.
  const { at, by: name, why } = before.ended ?? { at: by.at, by: by.name, why: by.why }
  const ended = toEnrollment(await close(tx, row, { end, at, by: name, why }))
  const devices = before.parent === undefined
  for (const channel of devices ? await channelsOf(tx, id) : [])
    await close(tx, channel, { end: 'gone', at, by: name, why })
  if (before.state === 'leaving') return { enrollment: ended, blocked: [], revoked: [] }
  const revoked = await revokeCertificates(tx, id, by)
  const blocked = await blockRegistrations(tx, before, { by, revoked })
  if (end === 'leaving' && before.pushable) await wantPush(tx, id, by.at)
  await auditEnd(tx, { ended, blocked, by })
  return { enrollment: ended, blocked, revoked: revoked.map(({ serial }) => serial) }
}

async function close(
  tx: WriteTransaction,
  row: EnrollmentRow,
  ending: { readonly end: EnrollmentEnd; readonly at: number; readonly by: string; readonly why: string },
): Promise<EnrollmentRow> {
  const { end, at, by, why } = ending
  await cancelWaiting(tx, row.id, { name: by, why, at })
  await appendChange(tx, 'enrollment', row.id)
  const noPush = end === 'gone' ? { token: null, magic: null, token_at: null } : {}
  return tx
    .updateTable('enrollments')
    .set({ state: end, ended_at: at, ended_by: by, ended_why: why })
    .set({ ...noPush, unlock_token: null, bootstrap_token: null })
    .where('id', '=', row.id)
    .returningAll()
    .executeTakeFirstOrThrow()
}

function channelsOf(tx: WriteTransaction, id: string): Promise<EnrollmentRow[]> {
  return tx
    .selectFrom('enrollments')
    .selectAll()
    .where('parent', '=', id)
    .where('state', '!=', 'gone')
    .execute()
}

/**
 * Whatever was issued for the device, also what it has not shown here yet, or has in a managed profile; and for the channels of its
 * people, whose profiles bring certificates of their own.
 */
async function revokeCertificates(
  tx: WriteTransaction,
  id: string,
  by: Actor,
): Promise<readonly IssuedCertificate[]> {
  const shown = await tx
    .selectFrom('certificates')
    .innerJoin('enrollment_identities', 'enrollment_identities.certificate', 'certificates.fingerprint')
    .select('certificates.enrollment')
    .distinct()
    .where('enrollment_identities.enrollment', '=', id)
    .execute()
  const names = [...shown, ...(await channelsWithCertificates(tx, id))].map(({ enrollment }) => enrollment)
  const revoked: IssuedCertificate[] = []
  for (const enrollment of new Set([id, ...names]))
    revoked.push(...(await revokeWithin(tx, enrollment, 'cessationOfOperation', by)))
  return revoked
}

/** Of the channels that this device has ever had, those that were given a certificate or a challenge: most were not. */
async function channelsWithCertificates(
  tx: WriteTransaction,
  device: string,
): Promise<readonly { readonly enrollment: string }[]> {
  const within = async (table: 'certificates' | 'scep_challenges' | 'proxied_keys') =>
    tx
      .selectFrom(table)
      .innerJoin('enrollments', 'enrollments.id', `${table}.enrollment`)
      .select(`${table}.enrollment`)
      .distinct()
      .where('enrollments.parent', '=', device)
      .execute()
  return [
    ...(await within('certificates')),
    ...(await within('scep_challenges')),
    ...(await within('proxied_keys')),
  ]
}

/** Each with a notice of its own: the gateways cut what is open at once. */
async function blockRegistrations(
  tx: WriteTransaction,
  enrollment: Enrollment,
  { by, revoked }: { readonly by: Actor; readonly revoked: readonly IssuedCertificate[] },
): Promise<readonly string[]> {
  const ids = await registrationsOf(
    tx,
    enrollment,
    revoked.map(({ publicKey }) => publicKey),
  )
  for (const id of ids)
    await blockWithin(tx, id, { ...by, why: `the enrollment of its device ended: ${by.why}` })
  return ids
}

async function auditEnd(
  tx: WriteTransaction,
  {
    ended,
    blocked,
    by,
  }: { readonly ended: Enrollment; readonly blocked: readonly string[]; readonly by: Actor },
): Promise<void> {
  await appendAudit(tx, {
    at: by.at,
    action: 'enrollment.ended',
    actor: by.name,
    subject: ended.id,
    why: by.why,
    details: {
      state: ended.state,
      blocked,
      ...(ended.user !== undefined && { user: ended.user }),
      ...(ended.ids.serial !== undefined && { serial: ended.ids.serial }),
    },
  })
}

import { appendAudit } from './audit-log.ts'
import { supersede, supersedeUnused } from './certificate-succession.ts'
import { appendChange } from './changes.ts'
import type { WriteTransaction } from './database.ts'
import type { EnrollmentStart, PinnedIdentity } from './enrollment-ports.ts'
import { cancelWaiting } from './mdm-command-ends.ts'
import type { EnrollmentRow } from './schema.ts'

const noSecrets = {
  token: null,
  magic: null,
  token_at: null,
  unlock_token: null,
  bootstrap_token: null,
} as const

/** A wiped device comes back with the id that it had: what it was to do, a second wipe among it, is not for it any more. */
export async function beginEnrollment(
  tx: WriteTransaction,
  start: EnrollmentStart,
): Promise<'begun' | 'identity-taken'> {
  const { id, identity, at } = start
  if (await isTaken(tx, identity.certificate, id)) return 'identity-taken'
  const known = await tx.selectFrom('enrollments').selectAll().where('id', '=', id).executeTakeFirst()
  const row = rowOf(start, known)
  if (known === undefined) await tx.insertInto('enrollments').values(row).execute()
  else await tx.updateTable('enrollments').set(row).where('id', '=', id).execute()
  await pin(tx, id, identity, at)
  await supersedeUnused(tx, identity.certificate, { enrollment: id, at })
  await forgetBefore(tx, id, at)
  await appendChange(tx, 'enrollment', id)
  await appendAudit(tx, {
    at,
    action: 'enrollment.begun',
    actor: 'enrollment',
    subject: id,
    details: {
      again: known !== undefined,
      certificate: identity.certificate,
      ...(row.user_name !== null && { user: row.user_name }),
      ...(row.serial !== null && { serial: row.serial }),
    },
  })
  return 'begun'
}

function rowOf(start: EnrollmentStart, known: EnrollmentRow | undefined): EnrollmentRow {
  const { id, kind, user, ids, device, identity, topic, at } = start
  return {
    ...{ id, kind, parent: null, state: 'pending' },
    user_name: user ?? known?.user_name ?? null,
    ids: JSON.stringify(ids),
    serial: ids.serial ?? null,
    device: JSON.stringify(device),
    certificate: identity.certificate,
    topic,
    ...noSecrets,
    awaiting: 0,
    created_at: known?.created_at ?? at,
    authenticated_at: at,
    last_seen_at: at,
    ...{ ended_at: null, ended_by: null, ended_why: null },
    access_rights: start.accessRights ?? known?.access_rights ?? null,
  }
}

async function forgetBefore(tx: WriteTransaction, id: string, at: number): Promise<void> {
  const by = { name: 'enrollment', why: 'the device enrolled anew', at }
  await cancelWaiting(tx, id, by)
  await tx.deleteFrom('enrollment_inventory').where('enrollment', '=', id).execute()
  const channels = await tx
    .updateTable('enrollments')
    .set({ state: 'gone', ...noSecrets, ended_at: at, ended_by: by.name, ended_why: by.why })
    .where('parent', '=', id)
    .where('state', '!=', 'gone')
    .returning('id')
    .execute()
  for (const channel of channels) {
    await cancelWaiting(tx, channel.id, by)
    await appendChange(tx, 'enrollment', channel.id)
  }
}

export async function repin(
  tx: WriteTransaction,
  id: string,
  { identity, at }: { readonly identity: PinnedIdentity; readonly at: number },
): Promise<'repinned' | 'identity-taken'> {
  if (await isTaken(tx, identity.certificate, id)) return 'identity-taken'
  await pin(tx, id, identity, at)
  await tx
    .updateTable('enrollments')
    .set({ certificate: identity.certificate })
    .where((row) => row.or([row('id', '=', id), row('parent', '=', id)]))
    .execute()
  await supersede(tx, identity.certificate, { enrollment: id, at })
  await appendChange(tx, 'enrollment', id)
  await appendAudit(tx, {
    at,
    action: 'enrollment.renewed',
    actor: 'enrollment',
    subject: id,
    details: { certificate: identity.certificate },
  })
  return 'repinned'
}

async function isTaken(tx: WriteTransaction, certificate: string, id: string): Promise<boolean> {
  const row = await tx
    .selectFrom('enrollment_identities')
    .select('enrollment')
    .where('certificate', '=', certificate)
    .executeTakeFirst()
  return row !== undefined && row.enrollment !== id
}

async function pin(tx: WriteTransaction, id: string, identity: PinnedIdentity, at: number): Promise<void> {
  await tx
    .insertInto('enrollment_identities')
    .values({
      certificate: identity.certificate,
      public_key: identity.publicKey,
      enrollment: id,
      pinned_at: at,
    })
    .onConflict((conflict) => conflict.column('certificate').doNothing())
    .execute()
}

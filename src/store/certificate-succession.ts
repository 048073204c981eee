import type { IssuedCertificate } from '../domain/issued-certificate.ts'
import { sha256OfParts } from '../lib/hash.ts'
import { appendAudit } from './audit-log.ts'
import { revokeRow } from './certificate-revocations.ts'
import { findRow } from './certificate-rows.ts'
import type { WriteTransaction } from './database.ts'
import { registeredServices } from './enrollment-registrations.ts'
import { giveKeys } from './registration-keys.ts'
import { touch } from './registration-writes.ts'

/**
 * What a certificate takes over from the challenge that allowed it, or from the certificate whose key has asked for it: which one
 * it renews, which profile it came with, and which account its enrollment names. Nothing of it is the request's to say.
 */
export async function withOrigin(
  tx: WriteTransaction,
  certificate: IssuedCertificate,
): Promise<IssuedCertificate> {
  const { challenge, predecessor } = certificate
  const before = predecessor === undefined ? undefined : await findRow(tx, 'serial', predecessor)
  const given =
    challenge === undefined
      ? undefined
      : await tx.selectFrom('scep_challenges').selectAll().where('hash', '=', challenge).executeTakeFirst()
  const renews = predecessor ?? given?.renews ?? undefined
  const profile = given?.profile ?? before?.profile ?? undefined
  const managedAppleId = given?.managed_apple_id ?? before?.managed_apple_id ?? undefined
  return {
    ...certificate,
    ...(renews !== undefined && { predecessor: renews }),
    ...(profile !== undefined && { profile }),
    ...(managedAppleId !== undefined && { managedAppleId }),
  }
}

/** Of one enrollment and one profile; without a profile, of what it renews. */
export interface Succession {
  readonly enrollment: string
  readonly publicKey: string
  readonly predecessor?: string
  readonly profile?: string
  readonly at: number
}

/**
 * Clients that were registered with a certificate are known by the one that takes its place as well, from the moment
 * on at which it is made: a device may show it before it tells anybody. The former one opens nothing any more when it ends.
 */
export async function carryRegistrations(tx: WriteTransaction, succession: Succession): Promise<void> {
  const { publicKey, at } = succession
  const former = (await formerKeys(tx, succession)).filter((one) => one !== publicKey)
  if (former.length === 0) return
  for (const service of await registeredServices(tx)) {
    const key = (one: string) => sha256OfParts(service, 'certificate', one)
    const holder = await tx
      .selectFrom('registration_keys')
      .innerJoin('registrations', 'registrations.id', 'registration_keys.registration_id')
      .select(['registrations.id', 'registrations.user_name'])
      .where('hash', 'in', former.map(key))
      .orderBy('registrations.registered_at', 'desc')
      .executeTakeFirst()
    if (holder === undefined || (await isHeld(tx, key(publicKey)))) continue
    await giveKeys(tx, holder.id, [{ binding: 'certificate', hash: key(publicKey) }])
    await touch(tx, holder.id)
    await appendAudit(tx, {
      at,
      action: 'registration.keys-added',
      actor: 'enrollment',
      subject: holder.id,
      why: 'the certificate of its device is renewed',
      details: { service, user: holder.user_name, keys: 1 },
    })
  }
}

async function formerKeys(
  tx: WriteTransaction,
  { enrollment, profile, predecessor }: Succession,
): Promise<readonly string[]> {
  const held = tx.selectFrom('certificates').select('public_key').where('revoked_at', 'is', null)
  if (profile !== undefined) {
    const rows = await held
      .where('enrollment', '=', enrollment)
      .where('profile', '=', profile)
      .orderBy('issued_at', 'desc')
      .limit(10)
      .execute()
    const proxied = await tx
      .selectFrom('proxied_keys')
      .select('public_key')
      .where('enrollment', '=', enrollment)
      .where('profile', '=', profile)
      .where('ended_at', 'is', null)
      .orderBy('bound_at', 'desc')
      .limit(10)
      .execute()
    return [...rows, ...proxied].map(({ public_key }) => public_key)
  }
  if (predecessor === undefined) return []
  return (await held.where('serial', '=', predecessor).execute()).map(({ public_key }) => public_key)
}

async function isHeld(tx: WriteTransaction, hash: string): Promise<boolean> {
  const row = await tx
    .selectFrom('registration_keys')
    .select('hash')
    .where('hash', '=', hash)
    .executeTakeFirst()
  return row !== undefined
}

/**
 * A device has shown the identity that renews its former one: those before it, and other renewals of them that were never used, end.
 * What renews the new one itself stays.
 */
export async function supersede(
  tx: WriteTransaction,
  fingerprint: string,
  { enrollment, at }: { readonly enrollment: string; readonly at: number },
): Promise<void> {
  const present = await findRow(tx, 'fingerprint', fingerprint)
  if (present === undefined) return
  const by = { name: 'enrollment', why: `enrollment ${enrollment} has a new identity`, at }
  for (let { predecessor } = present; predecessor !== null; ) {
    const former = await findRow(tx, 'serial', predecessor)
    if (former === undefined) return
    const siblings = await tx
      .selectFrom('certificates')
      .selectAll()
      .where('enrollment', '=', former.enrollment)
      .where('predecessor', '=', former.serial)
      .where('serial', '!=', present.serial)
      .where('issued_at', '<', present.issued_at)
      .execute()
    for (const row of [former, ...siblings]) await revokeRow(tx, row, 'superseded', by)
    predecessor = former.predecessor
  }
}

/**
 * A device enrolls with an identity: those that it got before under the same name and has enrolled nothing with end. That is the one
 * with which it asked for its profile, over the air. Of another user they are another's, who may have claimed the name.
 */
export async function supersedeUnused(
  tx: WriteTransaction,
  fingerprint: string,
  { enrollment, at }: { readonly enrollment: string; readonly at: number },
): Promise<void> {
  const present = await findRow(tx, 'fingerprint', fingerprint)
  if (present === undefined) return
  const unused = await tx
    .selectFrom('certificates')
    .selectAll()
    .where('enrollment', '=', present.enrollment)
    .where('user_name', present.user_name === null ? 'is' : '=', present.user_name)
    .where('purpose', '=', 'device')
    .where('profile', 'is', null)
    .where('revoked_at', 'is', null)
    .where('serial', '!=', present.serial)
    .where('issued_at', '<', present.issued_at)
    // A renewal ends with what it renews.
    .where('predecessor', 'is', null)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('enrollment_identities as used')
            .select('used.certificate')
            .whereRef('used.certificate', '=', 'certificates.fingerprint'),
        ),
      ),
    )
    .execute()
  const by = { name: 'enrollment', why: `enrollment ${enrollment} has begun with another identity`, at }
  for (const row of unused) await revokeRow(tx, row, 'superseded', by)
}

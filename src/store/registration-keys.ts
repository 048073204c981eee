import type { ClientKey } from '../domain/client-identity.ts'
import type { WriteTransaction } from './database.ts'
import type { RegistrationKeyRow, RegistrationRow } from './schema.ts'

/** More keys than any client holds at once: what is beyond is left over from sign-ins that nobody ended. */
const keysPerRegistration = 50

/** A registration that has one or more of some keys. */
export interface Holder {
  readonly row: RegistrationRow
  readonly hashes: readonly string[]
}

/** Who has these keys now. Keys that have ended are removed: nobody has them. */
export async function holdersOf(
  tx: WriteTransaction,
  hashes: readonly string[],
  now: number,
): Promise<readonly Holder[]> {
  await tx
    .deleteFrom('registration_keys')
    .where('hash', 'in', [...hashes])
    .where('expires_at', '<=', now)
    .execute()
  const rows = await tx
    .selectFrom('registration_keys')
    .innerJoin('registrations', 'registrations.id', 'registration_keys.registration_id')
    .selectAll('registrations')
    .select('registration_keys.hash')
    .where('registration_keys.hash', 'in', [...hashes])
    .execute()
  const byRegistration = Map.groupBy(rows, (row) => row.id)
  return [...byRegistration.values()].map((group) => {
    const { hash: _, ...row } = group[0]!
    return { row, hashes: group.map((one) => one.hash) }
  })
}

/** Would nothing be left by which the holder could be known, if these keys were taken from it? */
export async function losesLastKey(tx: WriteTransaction, holder: Holder, now: number): Promise<boolean> {
  const other = await tx
    .selectFrom('registration_keys')
    .select('hash')
    .where('registration_id', '=', holder.row.id)
    .where('hash', 'not in', [...holder.hashes])
    .where((row) => row.or([row('expires_at', 'is', null), row('expires_at', '>', now)]))
    .limit(1)
    .executeTakeFirst()
  return other === undefined
}

/** Gives the keys to the registration, whoever had them, and removes those beyond the limit. */
export async function giveKeys(
  tx: WriteTransaction,
  registrationId: string,
  keys: readonly ClientKey[],
): Promise<void> {
  const { last } = await tx
    .selectFrom('registration_keys')
    .select((row) => row.fn.max('position').as('last'))
    .where('registration_id', '=', registrationId)
    .executeTakeFirstOrThrow()
  const unique = [...new Map(keys.map((key) => [key.hash, key])).values()]
  const rows = unique.map((key, index) => ({
    hash: key.hash,
    registration_id: registrationId,
    binding: key.binding,
    expires_at: key.expiresAt ?? null,
    position: (last ?? 0) + index + 1,
  }))
  await tx
    .insertInto('registration_keys')
    .values(rows)
    .onConflict((conflict) =>
      conflict.column('hash').doUpdateSet((row) => ({
        registration_id: row.ref('excluded.registration_id'),
        binding: row.ref('excluded.binding'),
        expires_at: row.ref('excluded.expires_at'),
        position: row.ref('excluded.position'),
      })),
    )
    .execute()
  await removeSurplus(tx, registrationId)
}

async function removeSurplus(tx: WriteTransaction, registrationId: string): Promise<void> {
  const rows = await tx
    .selectFrom('registration_keys')
    .selectAll()
    .where('registration_id', '=', registrationId)
    .execute()
  if (rows.length <= keysPerRegistration) return
  const surplus = rows.sort(soonestGone).slice(0, rows.length - keysPerRegistration)
  await tx
    .deleteFrom('registration_keys')
    .where(
      'hash',
      'in',
      surplus.map((row) => row.hash),
    )
    .execute()
}

/** Keys that end by themselves go first, in the order of their ends; then those without an end, oldest first. */
function soonestGone(a: RegistrationKeyRow, b: RegistrationKeyRow): number {
  if (a.expires_at === b.expires_at) return a.position - b.position
  return (a.expires_at ?? Number.POSITIVE_INFINITY) - (b.expires_at ?? Number.POSITIVE_INFINITY)
}

import { sha256OfParts } from '../lib/hash.ts'
import type { WriteTransaction } from './database.ts'
import { registeredServices } from './enrollment-registrations.ts'
import { slices } from './slices.ts'

/**
 * Keys that ended before, and whose certificate, where one was seen here, ended before as well. One that was seen stays its
 * enrollment's, since `certificates` has it; what was registered with any of them goes with it, so that whoever may
 * ask with such a key again finds nothing of another's.
 * @returns how many were removed
 */
export async function removeEndedKeys(tx: WriteTransaction, before: number, atMost: number): Promise<number> {
  const rows = await tx
    .selectFrom('proxied_keys')
    .select('public_key')
    .where('ended_at', '<', before)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('certificates')
            .select('serial')
            .whereRef('certificates.public_key', '=', 'proxied_keys.public_key')
            .where('not_after', '>=', before),
        ),
      ),
    )
    .orderBy('ended_at')
    .limit(atMost)
    .execute()
  if (rows.length === 0) return 0
  const keys = rows.map((row) => row.public_key)
  const services = await registeredServices(tx)
  const registered = services.flatMap((service) =>
    keys.map((key) => sha256OfParts(service, 'certificate', key)),
  )
  for (const some of slices(registered))
    await tx.deleteFrom('registration_keys').where('hash', 'in', some).execute()
  for (const some of slices(keys))
    await tx.deleteFrom('proxied_keys').where('public_key', 'in', some).execute()
  return keys.length
}

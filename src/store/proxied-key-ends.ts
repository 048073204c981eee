import { proxiedSerial } from '../domain/issued-certificate.ts'
import { appendChange } from './changes.ts'
import type { WriteTransaction } from './database.ts'

type Ending = { readonly at: number } & ({ readonly enrollment: string } | { readonly publicKey: string })

/** Within the transaction that revokes. Also a key whose certificate no device has shown here yet. */
export async function endKeys(tx: WriteTransaction, ending: Ending): Promise<void> {
  const keys = tx.updateTable('proxied_keys').set({ ended_at: ending.at }).where('ended_at', 'is', null)
  const ended = await ('enrollment' in ending
    ? keys.where('enrollment', '=', ending.enrollment)
    : keys.where('public_key', '=', ending.publicKey)
  )
    .returning('public_key')
    .execute()
  for (const key of ended) await appendChange(tx, 'certificate', proxiedSerial(key.public_key))
}

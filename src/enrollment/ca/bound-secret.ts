import { hkdfSync } from 'node:crypto'
import type { Authority } from './authority.ts'

/**
 * What seals sign-ins and makes SCEP challenges, out of a secret of the record and the key of an authority, which is a file:
 * with a copy of the record alone, nobody signs in as anybody and gets a certificate for it.
 *
 * @param recorded base64url @param authorities the oldest last: it stays the same over rotations for as long as one of its
 * certificates is good, so that all machines have the same
 * @returns 256 bits, base64url
 */
export function boundSecret(recorded: string, authorities: readonly Authority[]): string {
  const oldest = authorities.at(-1)
  if (oldest === undefined) throw new Error('There is no certificate authority')
  const key = oldest.key.export({ type: 'pkcs8', format: 'der' })
  const salt = Buffer.from(recorded, 'base64url')
  return Buffer.from(hkdfSync('sha256', key, salt, 'gatehouse enrollment', 32)).toString('base64url')
}

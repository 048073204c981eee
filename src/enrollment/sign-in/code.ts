import { randomBytes } from 'node:crypto'
import { sha256 } from '../../lib/hash.ts'

/** Letters and digits that are not mistaken for each other, on paper or on the telephone. */
const alphabet = '23456789ABCDEFGHJKMNPQRSTVWXYZ'
const length = 12

/** A one-time code of 58 bits, such as `K7QM-3XWT-9FHC`: few enough to type, too many to guess. */
export function newCode(bytes: (count: number) => Uint8Array = randomBytes): string {
  const characters: string[] = []
  // Bytes beyond the last whole multiple would make the first characters likelier.
  const usable = 256 - (256 % alphabet.length)
  while (characters.length < length)
    for (const byte of bytes(length * 2))
      if (byte < usable && characters.length < length) characters.push(alphabet[byte % alphabet.length] ?? '')
  return [0, 4, 8].map((start) => characters.slice(start, start + 4).join('')).join('-')
}

/** What the record knows a code by. Case, spaces and hyphens do not matter, nor O for 0 and the like: neither is in it. */
export function codeHash(typed: string): string {
  return sha256(`enrollment code ${typed.toUpperCase().replaceAll(/[\s-]/g, '')}`)
}

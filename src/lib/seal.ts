import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { MalformedInput } from './malformed-input.ts'

const [ivLength, tagLength] = [12, 16]

/** Keeps small secrets in places that are copied: AES-256-GCM with a key of its own for each purpose. */
export interface Seal {
  /** @param about what the secret belongs to: sealed text that is put elsewhere does not open there */
  close(secret: Uint8Array, about: string): string
  /** @throws MalformedInput when it was not closed with this key, about this, or was changed */
  open(sealed: string, about: string): Buffer
}

export function createSeal(secret: string, purpose: string): Seal {
  const key = Buffer.from(hkdfSync('sha256', secret, '', purpose, 32))
  return {
    close(plain, about) {
      const iv = randomBytes(ivLength)
      const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(about))
      const body = Buffer.concat([cipher.update(plain), cipher.final()])
      return Buffer.concat([iv, cipher.getAuthTag(), body]).toString('base64url')
    },
    open(sealed, about) {
      const bytes = Buffer.from(sealed, 'base64url')
      if (bytes.length < ivLength + tagLength) throw new MalformedInput('not a sealed secret')
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, ivLength), {
        authTagLength: tagLength,
      }).setAAD(Buffer.from(about))
      decipher.setAuthTag(bytes.subarray(ivLength, ivLength + tagLength))
      try {
        return Buffer.concat([decipher.update(bytes.subarray(ivLength + tagLength)), decipher.final()])
      } catch (cause) {
        throw new MalformedInput('a secret that was not sealed here', { cause })
      }
    },
  }
}

import { hash, timingSafeEqual } from 'node:crypto'

/** SHA-256 in base64url. */
export function sha256(value: string | Uint8Array): string {
  return hash('sha256', value, 'base64url')
}

/** SHA-256 in base64url of texts joined with NUL, which none of them holds: two different lists never give one hash. */
export function sha256OfParts(...parts: readonly string[]): string {
  return sha256(parts.join('\0'))
}

/** Compares secrets in constant time, whatever their lengths. */
export function equalSecrets(a: string, b: string): boolean {
  return timingSafeEqual(hash('sha256', a, 'buffer'), hash('sha256', b, 'buffer'))
}

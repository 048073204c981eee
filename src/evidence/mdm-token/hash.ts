import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto'

/** The name of the installation's key under which tokens are hashed. */
export const tokenPepper = 'mdm-token-pepper'

/**
 * HMAC-SHA256, base64url: a copy of the token table alone is no use for guessing a token that somebody typed in.
 *
 * @param pepper the installation's key, 256 bits in base64url
 */
export function tokenHasher(pepper: string): (token: string) => string {
  const key = createSecretKey(Buffer.from(pepper, 'base64url'))
  return (token) => createHmac('sha256', key).update(token, 'utf8').digest('base64url')
}

/** In constant time. Both are hashes of one length. */
export function sameHash(a: string, b: string): boolean {
  return timingSafeEqual(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1'))
}

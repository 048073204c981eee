import { createHash } from 'node:crypto'

/** How the record knows a certificate: SHA-256 of its DER, base64url. */
export function fingerprintOf(der: Buffer): string {
  return createHash('sha256').update(der).digest('base64url')
}

/** How the record knows a key: SHA-256 of its SubjectPublicKeyInfo, base64url. */
export function publicKeyHash(publicKeyInfo: Buffer): string {
  return createHash('sha256').update(publicKeyInfo).digest('base64url')
}

import { createHash, createHmac } from 'node:crypto'

/** What the identifiers of all our profiles begin with, behind the organisation's own: `com.example.mdm.profile.mail`. */
export function profilePrefix(organisation: string): string {
  return `${organisation}.profile.`
}

/** The same for ever, so that a payload that is changed keeps its state on the device: an account its mail and password. */
export function stableUuid(identifier: string): string {
  return uuidOf(createHash('sha256').update(identifier).digest())
}

/**
 * Of one revision: other content, other UUID. Under a key, so that nobody can try out what a password in it was by the UUID that
 * the device shows.
 */
export function revisionUuid(key: Uint8Array, ...content: readonly (string | Uint8Array)[]): string {
  const hmac = createHmac('sha256', key)
  for (const part of content) {
    const bytes = Buffer.from(part)
    hmac.update(`${bytes.length}:`).update(bytes)
  }
  return uuidOf(hmac.digest())
}

/** RFC 9562, 5.8: version 8, whose other bits are ours. In capitals, as Apple writes them. */
function uuidOf(digest: Buffer): string {
  const bytes = Buffer.from(digest.subarray(0, 16))
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  const hex = bytes.toString('hex').toUpperCase()
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

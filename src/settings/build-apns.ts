import type { Mistake } from './mistake.ts'
import { readSecret, type Secret, type SecretReaders } from './secret.ts'
import type { WrittenApns } from './sections/apns.ts'

/** The push worker. Paths absolute. */
export interface ApnsSettings {
  readonly certificate: string
  readonly key?: string
  readonly passphrase?: Secret
  readonly topic?: string
  /** `https://api.push.apple.com`. */
  readonly server: string
  readonly connections: number
  readonly ca: readonly string[]
  /** As it stands in the file, with defaults; of a secret only where it is. */
  readonly written: WrittenApns
}

export function buildApns(written: WrittenApns, readers: SecretReaders, mistakes: Mistake[]): ApnsSettings {
  const { certificate, key, passphrase, topic, server, connections, ca } = written
  const secret = passphrase && readSecret(passphrase, readers)
  if (typeof secret === 'string') mistakes.push({ path: ['apns', 'passphrase'], message: secret })
  return {
    certificate: readers.resolve(certificate.file),
    ...(key && { key: readers.resolve(key.file) }),
    ...(secret !== undefined && typeof secret !== 'string' && { passphrase: secret }),
    ...(topic !== undefined && { topic }),
    server: server.origin,
    connections,
    ca: ca.map(readers.resolve),
    written,
  }
}

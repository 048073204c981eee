import type { KeyPath } from '../lib/yaml-document.ts'
import type { Secret, SecretReaders, SecretSource } from './secret.ts'
import type { WrittenCa } from './sections/enrollment/ca.ts'
import type { WrittenScep } from './sections/enrollment/scep.ts'

/** A certificate with its chain and key, as files. */
export interface IdentityFiles {
  readonly cert: string
  readonly key: string
  readonly passphrase?: Secret
}

/** The certificate authority of enrolled devices. Times in milliseconds, paths absolute. */
export interface CaSettings {
  /** Where private keys are. */
  readonly folder: string
  readonly passphrase?: Secret
  /** Undefined: a CA of Gatehouse's own. */
  readonly external?: IdentityFiles
  readonly validity: number
  /** Before the end of a certificate. */
  readonly renewBefore: number
  readonly renewalGrace: number
  readonly crlLife: number
  readonly profileSigner?: IdentityFiles
}

export interface ScepSettings {
  /** SHA-1 and triple DES. */
  readonly legacy: boolean
  /** Wrong challenges in five minutes, requests in a minute, from one address. */
  readonly attempts: number
  readonly requests: number
  readonly proxy?: {
    readonly url: URL
    readonly ca: readonly string[]
    /** Files. */
    readonly issuers: readonly string[]
    readonly challenge?: Secret
  }
}

type ReadSecret = (source: SecretSource, path: KeyPath) => Secret | undefined

export function buildCa(
  { folder, passphrase, external, profileSigner, ...same }: WrittenCa,
  { resolve }: Pick<SecretReaders, 'resolve'>,
  secret: ReadSecret,
): CaSettings {
  const files = (key: string, written: NonNullable<WrittenCa['external']>): IdentityFiles => {
    const read = written.passphrase && secret(written.passphrase, ['ca', key, 'passphrase'])
    return {
      cert: resolve(written.cert),
      key: resolve(written.key),
      ...(read && { passphrase: read }),
    }
  }
  const read = passphrase && secret(passphrase, ['ca', 'passphrase'])
  return {
    ...same,
    renewBefore: same.renewBefore ?? same.validity / 5,
    folder: resolve(folder),
    ...(read && { passphrase: read }),
    ...(external && { external: files('external', external) }),
    ...(profileSigner && { profileSigner: files('profileSigner', profileSigner) }),
  }
}

export function buildScep(
  { proxy, ...same }: WrittenScep,
  { resolve }: Pick<SecretReaders, 'resolve'>,
  secret: ReadSecret,
): ScepSettings {
  if (proxy === undefined) return same
  const challenge = proxy.challenge && secret(proxy.challenge, ['scep', 'proxy', 'challenge'])
  const [ca, issuers] = [proxy.ca.map(resolve), proxy.issuers.map(resolve)]
  return { ...same, proxy: { url: proxy.url, ca, issuers, ...(challenge && { challenge }) } }
}

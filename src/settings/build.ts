/**
 * From the file as it is written to the settings that the program uses: paths made absolute, secrets read, and the mistakes
 * found that only several keys together show.
 */
import type { Service } from '../domain/service.ts'
import { type KeyPath, type Problem, problemAt, type YamlDocument } from '../lib/yaml-document.ts'
import { buildApns } from './build-apns.ts'
import { buildCompliance } from './build-compliance.ts'
import { buildEnrollment } from './build-enrollment.ts'
import type { Mistake } from './mistake.ts'
import { packageKeyBytes } from './package-key.ts'
import { readSecret, type Secret, type SecretReaders, type SecretSource } from './secret.ts'
import { clientSettings } from './sections/client.ts'
import { isLoopback } from './sections/management.ts'
import type { WrittenRedis } from './sections/redis.ts'
import type { WrittenStore } from './sections/store.ts'
import { serviceMistakes } from './service-mistakes.ts'
import type {
  AppSettings,
  CertificateFiles,
  GatewaySettings,
  RedisSettings,
  Settings,
  StoreSettings,
} from './settings.ts'
import type { SettingsDocument } from './settings-schema.ts'
import { startProblems } from './start-problems.ts'

export interface BuildContext {
  readonly document: YamlDocument
  /** Absolute. */
  readonly file: string
  readonly readers: SecretReaders
}

export interface BuiltSettings {
  readonly settings: Settings
  /** When there are any, `settings` must not be used. */
  readonly problems: readonly Problem[]
}

export function buildSettings(
  written: SettingsDocument,
  { document, file, readers }: BuildContext,
): BuiltSettings {
  const mistakes: Mistake[] = [...serviceMistakes(written), ...managementMistakes(written)]
  const builder = new Builder(readers, mistakes)
  const { limits, log, management, store } = written
  const app = written.app && builder.app(written.app)
  const settings: Settings = {
    file,
    gateway: builder.gateway(written.gateway),
    services: written.services.flatMap((service) => builder.service(service) ?? []),
    store: builder.store(store),
    ...(written.redis && { redis: builder.redis(written.redis) }),
    management: { listen: management.listen },
    mdmTokens: written.mdmTokens,
    appConfig: written.appConfig,
    ...(app && { app }),
    compliance: buildCompliance(written.compliance, readers, mistakes, written.enrollment !== undefined),
    ...(written.enrollment && {
      enrollment: buildEnrollment(written.enrollment, readers, mistakes),
    }),
    ...(written.apns && { apns: buildApns(written.apns, readers, mistakes) }),
    limits,
    retention: written.retention,
    log,
    policy: readers.resolve(written.policy),
  }
  mistakes.push(...startProblems(settings))
  return { settings, problems: mistakes.map(({ path, message }) => problemAt(document, path, message)) }
}

function managementMistakes({ management: { listen, allowRemote } }: SettingsDocument): Mistake[] {
  const path = ['management', 'listen']
  if (listen.scheme === 'https') {
    return [
      {
        path,
        message: 'the management listener speaks http:// only; put it behind a tunnel to reach it from afar',
      },
    ]
  }
  if (allowRemote || isLoopback(listen.host)) return []
  const message =
    'other machines could reach this; use 127.0.0.1, or set `allowRemote: true` when only operators reach that network'
  return [{ path, message }]
}

const weakPackageKey =
  'must hold at least 32 random bytes in base64 or base64url, such as `openssl rand -base64 32` makes them'

type WrittenGateway = SettingsDocument['gateway']
type WrittenTls = NonNullable<WrittenGateway['tls']>
type WrittenCertificate = Pick<WrittenTls, 'cert' | 'key' | 'passphrase'>

class Builder {
  readonly #readers: SecretReaders
  readonly #mistakes: Mistake[]

  constructor(readers: SecretReaders, mistakes: Mistake[]) {
    this.#readers = readers
    this.#mistakes = mistakes
  }

  gateway({ tls, ...same }: WrittenGateway): GatewaySettings {
    if (tls === undefined) return same
    const more = tls.more.map((files, index) => this.#certificate(files, ['gateway', 'tls', 'more', index]))
    return {
      ...same,
      tls: {
        certificates: [this.#certificate(tls, ['gateway', 'tls']), ...more],
        clientCa: tls.clientCa.map(this.#readers.resolve),
        crl: tls.crl.map(this.#readers.resolve),
        http2: tls.http2,
      },
    }
  }

  /** Undefined when its client lacks a block; `serviceMistakes` has said so. */
  service(written: SettingsDocument['services'][number]): Service | undefined {
    const { client: kind, signIn, bearer, generic, ...same } = written
    const client = clientSettings(kind, {
      ...(signIn && { signIn }),
      ...(bearer && { bearer }),
      ...(generic && { generic }),
    })
    const { upstreamTls } = same
    return (
      client && {
        ...same,
        client,
        upstreamTls: { ...upstreamTls, ca: upstreamTls.ca.map(this.#readers.resolve) },
      }
    )
  }

  /** A weak key would let whoever guesses it pose as the app. */
  app({ packageKeys, ...same }: NonNullable<SettingsDocument['app']>): AppSettings {
    const keys = packageKeys.flatMap((key, index) => {
      const path = ['app', 'packageKeys', index, 'secret']
      const secret = this.#secret(key.secret, path)
      if (secret === undefined) return []
      if (packageKeyBytes(secret.reveal()) === undefined)
        this.#mistakes.push({ path, message: weakPackageKey })
      return { ...key, secret }
    })
    return { ...same, packageKeys: keys }
  }

  store(written: WrittenStore): StoreSettings {
    const { resolve } = this.#readers
    if (written.kind === 'sqlite') return { ...written, path: resolve(written.path) }
    const { password, tls, ...same } = written
    const secret = password && this.#secret(password, ['store', 'password'])
    return {
      ...same,
      ...(secret && { password: secret }),
      ...(tls && { tls: { ...tls, ca: tls.ca.map(resolve) } }),
    }
  }

  redis({ password, tls, ...same }: WrittenRedis): RedisSettings {
    const secret = password && this.#secret(password, ['redis', 'password'])
    return {
      ...same,
      ...(secret && { password: secret }),
      ...(tls && { tls: { ...tls, ca: tls.ca.map(this.#readers.resolve) } }),
    }
  }

  #certificate({ cert, key, passphrase }: WrittenCertificate, path: KeyPath): CertificateFiles {
    const secret = passphrase && this.#secret(passphrase, [...path, 'passphrase'])
    const { resolve } = this.#readers
    return { cert: resolve(cert), key: resolve(key), ...(secret && { passphrase: secret }) }
  }

  #secret(source: SecretSource, path: KeyPath): Secret | undefined {
    const secret = readSecret(source, this.#readers)
    if (typeof secret !== 'string') return secret
    this.#mistakes.push({ path, message: secret })
    return undefined
  }
}

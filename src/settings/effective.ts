import { stringify } from 'yaml'
import type { Service } from '../domain/service.ts'
import { writtenClient } from './sections/client.ts'
import { isLoopback } from './sections/management.ts'
import type {
  AppSettings,
  CertificateFiles,
  RedisSettings,
  Settings,
  StoreSettings,
  TlsSettings,
} from './settings.ts'
import { type SettingsDocument, settingsSchema } from './settings-schema.ts'

/**
 * The settings as a file again, with every default filled in and every path absolute. Of a secret it names the source,
 * never the value.
 */
export function effectiveSettings(settings: Settings): string {
  // The schema's types are not read-only; encoding changes nothing in what it is given.
  const document = settingsSchema.encode(writtenSettings(settings) as SettingsDocument)
  return stringify(document, { aliasDuplicateObjects: false, lineWidth: 110 })
}

function writtenSettings(settings: Settings): object {
  const { app, gateway, services, store, management, limits, retention, log, policy } = settings
  const { tls, ...rest } = gateway
  return {
    gateway: { ...rest, ...(tls && { tls: writtenTls(tls) }) },
    services: services.map(writtenService),
    store: writtenStore(store),
    redis: settings.redis === undefined ? null : writtenRedis(settings.redis),
    management: { ...management, allowRemote: !isLoopback(management.listen.host) },
    ...(app && { app: writtenApp(app) }),
    mdmTokens: settings.mdmTokens,
    appConfig: settings.appConfig,
    compliance: settings.compliance.written,
    ...(settings.apns && { apns: settings.apns.written }),
    limits,
    retention,
    log,
    policy,
  }
}

function writtenStore(store: StoreSettings): object {
  if (store.kind === 'sqlite') return store
  const { password, ...rest } = store
  return { ...rest, ...(password && { password: password.source }) }
}

function writtenRedis({ password, ...rest }: RedisSettings): object {
  return { ...rest, ...(password && { password: password.source }) }
}

function writtenTls({ certificates: [first, ...more], ...rest }: TlsSettings): object {
  return { ...writtenCertificate(first), more: more.map(writtenCertificate), ...rest }
}

function writtenCertificate(
  { cert, key, passphrase }: CertificateFiles | undefined = { cert: '', key: '' },
): object {
  return { cert, key, ...(passphrase && { passphrase: passphrase.source }) }
}

function writtenService({ client, name, hosts, upstream, ...rest }: Service): object {
  return { name, hosts, upstream, client: client.kind, ...writtenClient(client), ...rest }
}

function writtenApp({ packageKeys, ...rest }: AppSettings): object {
  return { ...rest, packageKeys: packageKeys.map((key) => ({ ...key, secret: key.secret.source })) }
}

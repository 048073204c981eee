/**
 * The settings: where this process listens, what it protects and what it keeps its record in, read once at start from
 * `gatehouse.yaml`. `sections/` has one file for each section of that file, with type, default, description and example
 * of every key in one place; the schema for editors and the reference page are generated from them. `load.ts` reads
 * the file and says every mistake at once.
 *
 * This file: the checked settings as the rest of the program sees them. Times in milliseconds, sizes in bytes, paths absolute.
 */
import type { Platform } from '../domain/client-identity.ts'
import type { Limits } from '../domain/limits.ts'
import type { Service } from '../domain/service.ts'
import type { ApnsSettings } from './build-apns.ts'
import type { ComplianceSettings } from './build-compliance.ts'
import type { EnrollmentSettings } from './build-enrollment.ts'
import type { ListenAddress } from './listen-address.ts'
import type { Secret } from './secret.ts'

export interface Settings {
  /** The file that they were read from. */
  readonly file: string
  readonly gateway: GatewaySettings
  readonly services: readonly Service[]
  readonly store: StoreSettings
  /** Undefined: each process has its own shared state. */
  readonly redis?: RedisSettings
  readonly management: ManagementSettings
  readonly mdmTokens: MdmTokenSettings
  readonly appConfig: AppConfigSettings
  /** Undefined: there is no company app. */
  readonly app?: AppSettings
  readonly compliance: ComplianceSettings
  /** Undefined: no device is enrolled here. */
  readonly enrollment?: EnrollmentSettings
  readonly apns?: ApnsSettings
  readonly limits: Limits
  readonly retention: RetentionSettings
  readonly log: LogSettings
  /** The policy file. */
  readonly policy: string
}

export interface GatewaySettings {
  readonly listen: readonly ListenAddress[]
  /** How many processes share the listeners; `auto`: one for each core that this program may use. */
  readonly processes: 'auto' | number
  readonly tls?: TlsSettings
  /** CIDRs whose word on the client's address is believed. */
  readonly trustedProxies: readonly string[]
  /** Every connection to every listener begins with a PROXY protocol header. */
  readonly proxyProtocol: boolean
  /** The one field that the trusted proxies set. */
  readonly forwarded: 'x-forwarded-for' | 'forwarded'
  /** The gateway's own hosts, in lower case: where the VPN sends unregistered clients. */
  readonly hosts: readonly string[]
  /** What this gateway calls itself in Via. */
  readonly pseudonym: string
}

export interface TlsSettings {
  /** The first serves names that no certificate holds. */
  readonly certificates: readonly CertificateFiles[]
  readonly clientCa: readonly string[]
  readonly crl: readonly string[]
  readonly http2: boolean
}

export interface CertificateFiles {
  readonly cert: string
  readonly key: string
  /** Set when the key is encrypted. */
  readonly passphrase?: Secret
}

/** Where the shared state is, as `src/shared-state/` takes it. */
export interface RedisSettings {
  readonly server: RedisServer
  /** 0 but on a single server. */
  readonly database: number
  readonly username?: string
  readonly password?: Secret
  readonly tls?: {
    readonly ca: readonly string[]
    readonly verify: 'full' | 'ca'
    readonly serverName?: string
  }
  readonly keepStates: number
  readonly keepUnknown: number
}

export type RedisServer =
  | { readonly kind: 'single'; readonly host: string; readonly port: number }
  | { readonly kind: 'sentinel'; readonly sentinels: readonly RedisAddress[]; readonly name: string }
  | { readonly kind: 'cluster'; readonly nodes: readonly RedisAddress[] }

export interface RedisAddress {
  readonly host: string
  readonly port: number
}

/** Where the record is, as `src/store/` takes it. */
export type StoreSettings = SqliteSettings | PostgresSettings

export interface SqliteSettings {
  readonly kind: 'sqlite'
  readonly path: string
}

export interface PostgresSettings {
  readonly kind: 'postgres'
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  readonly password?: Secret
  readonly tls?: {
    readonly ca: readonly string[]
    readonly verify: 'full' | 'ca'
    readonly serverName?: string
  }
  /** Connections at a time. */
  readonly pool: number
  readonly connectTimeout: number
  readonly statementTimeout: number
}

export interface ManagementSettings {
  readonly listen: ListenAddress
}

/** How long the record keeps what only grows, in milliseconds. */
export interface RetentionSettings {
  readonly audit: number
  readonly refusals: number
  readonly approvals: number
  readonly appDevices: number
  readonly scepKeys: number
}

export interface AppConfigSettings {
  readonly appId: { readonly ios: string; readonly android: string }
  readonly defaultHost?: string
  /** By vendor and key: what takes the place of the vendor's own variables. */
  readonly values: Readonly<Record<string, Readonly<Record<string, string | undefined>> | undefined>>
}

export interface MdmTokenSettings {
  /** The field in which a device shows its token, in lower case. */
  readonly header: string
  /** Different unknown tokens from one address within a minute. */
  readonly wrongPerMinute: number
}

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

export interface LogSettings {
  readonly level: (typeof logLevels)[number]
  /** Query strings stand in the access log as they are; otherwise redacted. */
  readonly queries: boolean
  /** One line for each request. */
  readonly access: boolean
}

export interface AppSettings {
  readonly company: string
  readonly packageKeys: readonly PackageKeySettings[]
  /** The least version for each platform that has one. */
  readonly minVersion: Readonly<Partial<Record<Platform, string>>>
  readonly window: number
  readonly clockSkew: number
  readonly ticketLife: number
  readonly requireVendor: boolean
  readonly bindByAddress: boolean
  /** First contacts in a minute. */
  readonly attempts: { readonly perAddress: number; readonly perDevice: number }
}

export interface PackageKeySettings {
  readonly id: string
  /** As it is written: `packageKeyBytes` decodes it. */
  readonly secret: Secret
  readonly notBefore?: number
  readonly notAfter?: number
}

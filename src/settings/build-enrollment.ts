import type { AccessRightName } from '../domain/access-rights.ts'
import type { KeyPath } from '../lib/yaml-document.ts'
import { buildCa, buildScep, type CaSettings, type IdentityFiles, type ScepSettings } from './build-ca.ts'
import type { ListenAddress } from './listen-address.ts'
import type { Mistake } from './mistake.ts'
import { readSecret, type Secret, type SecretReaders, type SecretSource } from './secret.ts'
import type { WrittenProfiles } from './sections/enrollment/profiles.ts'
import type { WrittenSignIn } from './sections/enrollment/sign-in.ts'
import type { WrittenEnrollment } from './sections/enrollment.ts'

/** Apple devices managed by Gatehouse itself. Times in milliseconds, paths absolute. */
export interface EnrollmentSettings {
  readonly listen: ListenAddress
  /** Without a slash at its end, such as `https://mdm.example.com`. */
  readonly publicUrl: string
  readonly organisation: string
  /** The beginning of all profile identifiers, such as `com.example.mdm`. */
  readonly identifier: string
  readonly tls?: { readonly certificate: IdentityFiles; readonly clientCertificates: boolean }
  readonly trustedProxies: readonly string[]
  readonly signIn: SignInSettings
  readonly accessRights: readonly AccessRightName[]
  readonly deviceSignature: DeviceSignatureSettings
  /** Undefined: no enrollment from the device’s own settings. */
  readonly accountDriven?: { readonly mode: 'byod' | 'adde'; readonly managedAppleId: string }
  readonly ca: CaSettings
  readonly scep: ScepSettings
  /** Files and folders, absolute. */
  readonly profiles: WrittenProfiles
  readonly challengeLife: number
  readonly help?: string
}

export interface SignInSettings {
  /** At most one of the two. */
  readonly oidc?: OidcSettings
  readonly ldap?: LdapSettings
  readonly codes: boolean
  readonly session: number
  /** Attempts in five minutes for each user; twenty times as many for each address. */
  readonly attempts: number
}

export interface OidcSettings {
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret?: Secret
  readonly scopes: readonly string[]
  readonly userClaim: string
  readonly groupsClaim: string
  readonly ca: readonly string[]
}

export interface LdapSettings {
  readonly servers: readonly string[]
  readonly ca: readonly string[]
  readonly bindDn: string
  readonly bindPassword: Secret
  readonly searchBase: string
  readonly userAttribute: string
  readonly filter?: string
  readonly groupsAttribute: string
  readonly timeout: number
}

export interface DeviceSignatureSettings {
  readonly ca: readonly string[]
  readonly check: 'require' | 'prefer' | 'off'
  readonly sha1: boolean
}

export function buildEnrollment(
  written: WrittenEnrollment,
  readers: SecretReaders,
  mistakes: Mistake[],
): EnrollmentSettings {
  const { publicUrl, identifier, tls, signIn, deviceSignature, profiles, ca, scep, ...same } = written
  const secret = (source: SecretSource, path: KeyPath) => {
    const value = readSecret(source, readers)
    if (typeof value !== 'string') return value
    mistakes.push({ path: ['enrollment', ...path], message: value })
    return undefined
  }
  const { resolve } = readers
  return {
    ...same,
    publicUrl: publicUrl.origin,
    identifier: identifier ?? reversed(publicUrl.hostname),
    ...(tls && { tls: buildTls(tls, resolve, secret) }),
    signIn: buildSignIn(signIn, resolve, secret),
    ca: buildCa(ca, readers, secret),
    scep: buildScep(scep, readers, secret),
    deviceSignature: { ...deviceSignature, ca: deviceSignature.ca.map(resolve) },
    profiles: { ...profiles, files: profiles.files.map(resolve) },
  }
}

type Resolve = SecretReaders['resolve']
type ReadSecret = (source: SecretSource, path: KeyPath) => Secret | undefined

function buildTls(
  { cert, key, passphrase, clientCertificates }: NonNullable<WrittenEnrollment['tls']>,
  resolve: Resolve,
  secret: ReadSecret,
): NonNullable<EnrollmentSettings['tls']> {
  const read = passphrase && secret(passphrase, ['tls', 'passphrase'])
  return {
    certificate: { cert: resolve(cert), key: resolve(key), ...(read && { passphrase: read }) },
    clientCertificates,
  }
}

function buildSignIn(written: WrittenSignIn, resolve: Resolve, secret: ReadSecret): SignInSettings {
  const { oidc, ldap, ...same } = written
  return {
    ...same,
    ...(oidc && { oidc: buildOidc(oidc, resolve, secret) }),
    ...(ldap && buildLdap(ldap, resolve, secret)),
  }
}

function buildOidc(
  { clientSecret, ...same }: NonNullable<WrittenSignIn['oidc']>,
  resolve: Resolve,
  secret: ReadSecret,
): OidcSettings {
  const read = clientSecret && secret(clientSecret, ['signIn', 'oidc', 'clientSecret'])
  return { ...same, ca: same.ca.map(resolve), ...(read && { clientSecret: read }) }
}

/** Without its password, which `mistakes` tells of, there is none. */
function buildLdap(
  { bindPassword, ...same }: NonNullable<WrittenSignIn['ldap']>,
  resolve: Resolve,
  secret: ReadSecret,
): { readonly ldap?: LdapSettings } {
  const read = secret(bindPassword, ['signIn', 'ldap', 'bindPassword'])
  return read === undefined ? {} : { ldap: { ...same, ca: same.ca.map(resolve), bindPassword: read } }
}

/** `mdm.example.com` → `com.example.mdm`. */
function reversed(host: string): string {
  return host.split('.').toReversed().join('.')
}

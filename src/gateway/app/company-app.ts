/**
 * The company app: only the MDM hands it out, so that what it says of its device is worth something.
 *
 *   first contact   the app sends a request that is signed with the company's package key: `first-contact.ts`
 *   binding         its user opens the real client on a one-time link, and the client registers: `bind.ts`, `ticket.ts`
 *   afterwards      the app signs requests with a key of its own device: `own-key.ts`
 *
 * This file: what these parts are given, once for the process.
 */
import type { ClientKey } from '../../domain/client-identity.ts'
import type { MdmTokenVerifier } from '../../domain/mdm-token.ts'
import type { AppSettings } from '../../settings/settings.ts'
import type { Counters, NonceStore } from '../../shared-state/ports.ts'
import type { AppDevices, BindingTickets, ReportedDevices } from '../../store/ports.ts'
import type { Routes } from '../routing.ts'
import { openPackageKeys, type PackageKeys } from './package-keys.ts'

export interface CompanyAppOptions {
  readonly settings: AppSettings
  readonly devices: AppDevices
  readonly tickets: BindingTickets
  readonly reported: ReportedDevices
  readonly mdmTokens: MdmTokenVerifier
  readonly nonces: NonceStore
  readonly counters: Counters
  readonly routes: Routes
  readonly userOfGrant: (key: ClientKey) => string | undefined | Promise<string | undefined>
  /** 256 random bits, base64url. */
  readonly newSecret: () => string
  readonly newDeviceId: () => string
  readonly now: () => number
  /** Counting attempts failed: nobody is kept out for it. */
  readonly onError: (error: unknown) => void
}

export interface CompanyApp extends CompanyAppOptions {
  readonly packageKeys: PackageKeys
}

export function openCompanyApp(options: CompanyAppOptions): CompanyApp {
  return { ...options, packageKeys: openPackageKeys(options.settings.packageKeys) }
}

/**
 * Connectors speak to MDM vendors: one file a vendor behind this interface, listed in `table.ts`. A connector signs in,
 * reads pages and turns the vendor's records into `ManagedDevice` values; it decides nothing. What it cannot read of a
 * record becomes `unknown`; what it cannot read of a page ends the sweep with `VendorError`.
 */
import type { ManagedDevice } from '../../domain/managed-device.ts'
import type { Enrollments } from '../../store/enrollment-ports.ts'
import type { DeviceProfiles } from '../../store/profile-ports.ts'
import type { VendorHttp } from './vendor-http.ts'

export interface Connector {
  /**
   * A fleet of nobody, where nobody was known, is as good an answer as any: who reads our own record cannot be shown the wrong tenant, or
   * be let in without the right to see devices.
   */
  readonly mayBeEmpty?: boolean
  /** Its devices are enrollments of our own record: one that appears is looked up at once, not with the next sweep. */
  readonly enrolls?: boolean
  /**
   * The whole fleet, page by page, never all of it in memory. Only when the iteration ends by itself was the sweep
   * complete: whoever reads it may then conclude that a device which was not in it is gone.
   * @throws VendorError
   */
  sweep(signal: AbortSignal): AsyncIterable<VendorPage>
  /**
   * What has changed since (milliseconds since the epoch), where the vendor can say; it may miss changes, and says
   * nothing of devices that are gone.
   */
  changes?(since: number, signal: AbortSignal): AsyncIterable<VendorPage>
  /** The devices that are out of compliance now, where the vendor can list them by themselves. */
  noncompliant?(signal: AbortSignal): AsyncIterable<VendorPage>
  /** One device by the vendor's own id; `gone` when the vendor does not know it (any more). */
  lookup?(vendorDeviceId: string, signal: AbortSignal): Promise<ManagedDevice | 'gone'>
  /** Reads the vendor's own notification; undefined when it is not one. Authenticated before it gets here. */
  readWebhook?(notification: VendorNotification): WebhookNews | undefined
  /** Ends what is open (sessions, connections). */
  close(): Promise<void>
}

export interface VendorPage {
  readonly devices: readonly ManagedDevice[]
  /** How many devices there are in all, where the vendor says so: a sweep that finds far fewer is incomplete. */
  readonly total?: number
  /** Records of this page that could not be read at all (no id), with the reason of the first. */
  readonly unreadable?: { readonly count: number; readonly reason: string }
}

export interface VendorNotification {
  /** In lower case. */
  readonly headers: ReadonlyMap<string, string>
  /** At most 1 MiB. */
  readonly body: Uint8Array
}

/** The devices that a notification names: they are looked up, since a notification itself proves little. */
export interface WebhookNews {
  readonly vendorDeviceIds: readonly string[]
}

/** What a connector is made of: its own settings (`settings/sections/vendors/`), checked, with secrets read. */
export interface ConnectorOptions<Settings> {
  /** The connection's name in the settings: `ManagedDevice.vendor`. */
  readonly name: string
  readonly settings: Settings
  readonly http: VendorHttp
  /** The devices of our own enrollment, for the one connector that asks the record instead of a vendor. */
  readonly fleet?: EnrolledFleet
  readonly now: () => number
}

export interface EnrolledFleet {
  readonly enrollments: Pick<Enrollments, 'list' | 'get' | 'inventory'>
  readonly deviceProfiles: Pick<DeviceProfiles, 'of'>
}

export type CreateConnector<Settings> = (options: ConnectorOptions<Settings>) => Connector

/** What went wrong with a vendor, for the administrator. Never holds a secret, a token or a whole answer. */
const vendorErrorCodes = [
  /** No connection, a time-out, or an answer that broke off. */
  'unreachable',
  /** The vendor's certificate is not valid. */
  'certificate',
  /** User, password, client or token were refused: asking again would lock the account. */
  'credentials',
  /** Signed in, and not allowed to read devices. */
  'forbidden',
  /** 429, or the vendor's own way to say so, and still after the retries. */
  'throttled',
  /** 5xx, and still after the retries. */
  'vendor-failure',
  /** Not what the vendor documents: no JSON, HTML, a missing list, a next page elsewhere, an error inside of a 200. */
  'protocol',
  /** Pages that shrink, repeat or add up to far fewer devices than the vendor's own total. */
  'incomplete',
  /** The settings name something that the vendor does not have (a tenant, a path, a group). */
  'settings',
  /** Not the vendor's fault: our own record did not take or give what was needed. */
  'record',
] as const
export type VendorErrorCode = (typeof vendorErrorCodes)[number]

export class VendorError extends Error {
  readonly code: VendorErrorCode
  /** Milliseconds until the vendor wants to be asked again, where it said so. */
  readonly retryAfter: number | undefined

  constructor(
    code: VendorErrorCode,
    message: string,
    options: ErrorOptions & { readonly retryAfter?: number } = {},
  ) {
    super(message, options)
    this.name = 'VendorError'
    this.code = code
    this.retryAfter = options.retryAfter
  }
}

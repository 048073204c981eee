import type { Platform } from './client-identity.ts'
import type { DeviceIds } from './device-ids.ts'

/** A device on which the company app runs, as its first contact has proved it. Times are milliseconds since the epoch. */
export interface AppDevice {
  /** Public id, such as `d_4k2m…`. */
  readonly id: string
  /** Lower case. */
  readonly user: string
  readonly ids: DeviceIds
  readonly platform: Platform
  readonly appVersion: string
  /** Of the app's own key (RFC 7638): the `keyid` of the requests that it signs. */
  readonly thumbprint: string
  /** That key as a JWK, in JSON. */
  readonly publicKey: string
  /** The MDM token that the app showed. */
  readonly mdmTokenId?: string
  /** Id of the package key that its last first contact was signed with. */
  readonly packageKey: string
  readonly registeredAt: number
  readonly lastSeenAt: number
  /** An administrator has ended it: its key speaks for nobody, and does not come back. */
  readonly revoked?: { readonly at: number; readonly by: string; readonly why: string }
}

/**
 * A one-time link that binds one client to an app's device: for one user and one service, for a short while. The
 * secret is with the app alone; the record has its hash.
 */
export interface BindingTicket {
  readonly hash: string
  readonly device: AppDevice
  readonly service: string
  readonly user: string
  readonly expiresAt: number
  readonly openedAt?: number
  /** Hash of what the client shows that opened it: a cookie, a web ticket. */
  readonly holder?: string
  /** The address that it was opened from, when it speaks for a client that cannot carry it. */
  readonly source?: string
  readonly usedAt?: number
}

import type { ReasonCode } from './reason.ts'

/**
 * Who is asking, as far as the request itself says. What a client says of itself is a claim; it becomes an identity
 * only by a registration that the policy allowed.
 */

/** How a client is recognised again. `certificate` and `key` prove themselves on each request. */
export const bindings = ['certificate', 'key', 'cookie', 'claimed'] as const
export type Binding = (typeof bindings)[number]

/**
 * One way in which the record may know this client. `hash` is SHA-256 in base64url over service, binding and value
 * (`lib/hash.ts`), so that neither the record nor a cache holds a cookie or a token. Made by `clientKey()`.
 */
export interface ClientKey {
  readonly binding: Binding
  readonly hash: string
  /** Milliseconds since the epoch, for keys that end by themselves (access tokens). */
  readonly expiresAt?: number
}

/** What traffic tells of the device. Every field is a claim, for display and likely matches only. */
export interface DeviceDescription {
  /** As the client protocol calls it: `iPhone`, `SmartPhone`, `Phone`. */
  readonly type?: string
  readonly platform?: Platform
  readonly model?: string
  readonly osVersion?: string
  /** Since when a registered client says this version, when it was updated after it had registered. Milliseconds since the epoch. */
  readonly osVersionSince?: number
  /** The id that the protocol carries: DeviceId, endpointId, device_id. */
  readonly claimedId?: string
  readonly userAgent?: string
}

export const platforms = [
  'ios',
  'ipados',
  'macos',
  'android',
  'windows',
  'linux',
  'chromeos',
  'other',
] as const
export type Platform = (typeof platforms)[number]

/** What a client protocol reads out of one request. */
export interface Identification {
  /** Strongest first; empty when the client showed nothing by which it could be known. */
  readonly keys: readonly ClientKey[]
  /**
   * The user whom the presented credentials name, in lower case. The upstream judges those credentials; when it
   * refuses them, nothing that was concluded from the name has any effect.
   */
  readonly user?: string
  /** Groups that the credentials carry (a verified JWT's claim). Groups of the policy file are added by the policy. */
  readonly groups?: readonly string[]
  readonly device: DeviceDescription
  /** Does this request sign the user in (present credentials for a session)? */
  readonly signIn: boolean
  /** May it be answered with a page: a top-level navigation of a browser. */
  readonly navigation: boolean
  /**
   * The keys rest on what the request merely claims: it shows no credentials yet (the first legs of NTLM), or some that
   * only its answer can judge (a login). It may go to the upstream, and nobody must be told that this client sent it.
   */
  readonly unproven?: true
  /**
   * Set when the request must not go on whatever the policy says: two parsers could read it in two ways, or its
   * credentials contradict its claims.
   */
  readonly refuse?: ReasonCode
}

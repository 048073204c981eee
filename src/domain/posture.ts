/** Whether the MDM says that the device is managed and compliant. */
export const postureStates = ['compliant', 'noncompliant', 'unmanaged', 'conflict', 'unknown'] as const
export type PostureState = (typeof postureStates)[number]

export const matches = ['exact', 'likely', 'ambiguous', 'none'] as const
export type Match = (typeof matches)[number]

export interface Posture {
  readonly state: PostureState
  readonly match: Match
  /** The MDM connection that said so, by its name in the settings. */
  readonly vendor?: string
  /** The vendor's own words. */
  readonly reason?: string
  /**
   * Milliseconds since the epoch: when the vendor reported what led to this posture. A vendor that goes on saying the same
   * costs no write: whoever asks how old the news is adds the vendor's last complete sweep (`RequestFacts.vendorSeen`).
   */
  readonly checkedAt?: number
  /** The matched device's key at its vendor, when it is one device. */
  readonly device?: string
  /** Out of compliance, and allowed until then by the vendor's grace period. Milliseconds since the epoch. */
  readonly graceUntil?: number
  /** The vendors that report this same device, when there are several. */
  readonly reportedBy?: readonly string[]
  /** More clients are registered than the user has managed devices of this type, and this is one too many. */
  readonly surplus?: 'refused' | 'waiting'
}

export const unknownPosture: Posture = { state: 'unknown', match: 'none' }

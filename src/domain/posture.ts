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
  /** Milliseconds since the epoch: when the vendor last reported the device. */
  readonly checkedAt?: number
}

export const unknownPosture: Posture = { state: 'unknown', match: 'none' }

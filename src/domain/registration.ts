import type { Binding, DeviceDescription } from './client-identity.ts'
import type { DeviceIds } from './device-ids.ts'
import type { EvidenceKind } from './evidence.ts'
import type { Posture } from './posture.ts'

/** The durable record that one client of one user may use one service. Times are milliseconds since the epoch. */
export interface Registration {
  /** Public id, such as `r_4k2m…`: in the log, on the command line, in the identity header. */
  readonly id: string
  readonly service: string
  /** Lower case. */
  readonly user: string
  readonly binding: Binding
  readonly device: DeviceDescription
  /** Ids of the device that its evidence has proved (the company app's signed request, the certificate), not merely claimed. */
  readonly deviceIds?: DeviceIds
  /** The company app's device that it was bound to. */
  readonly appDeviceId?: string
  readonly evidence: readonly EvidenceKind[]
  /** The MDM token that it rests on: the one that its client, or its company app, showed last. */
  readonly mdmTokenId?: string
  /** The policy networks that the registration came from. */
  readonly networks: readonly string[]
  /** The registration rule that allowed it. */
  readonly rule: string
  /** The source address that it came from. */
  readonly source: string
  readonly registeredAt: number
}

export interface ManualBlock {
  readonly at: number
  readonly by: string
  readonly why: string
}

/**
 * Registration, posture and block as one small versioned value: what the gateway reads on each request and what
 * caches hold. `version` grows with each change of the record; a cache never replaces a newer by an older one.
 */
export interface DeviceState {
  readonly version: number
  readonly registration: Registration
  readonly posture: Posture
  readonly block?: ManualBlock
}

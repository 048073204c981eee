import type { Platform } from './client-identity.ts'
import type { DeviceIds } from './device-ids.ts'

/** Where the device stands in its enrolment. `pending`: just enrolling; `leaving`: a wipe or retirement is under way; `gone`: it is over. */
export const managementStates = ['managed', 'pending', 'leaving', 'gone', 'unmanaged', 'unknown'] as const
export type ManagementState = (typeof managementStates)[number]

/** What the vendor's compliance policies say. `grace`: out of compliance, and allowed until `graceUntil`. */
export const complianceStates = [
  'compliant',
  'noncompliant',
  'grace',
  'conflict',
  'notapplicable',
  'unknown',
] as const
export type ComplianceState = (typeof complianceStates)[number]

/**
 * One device as an MDM vendor reports it, normalised by its connector. What the connector could not read is `unknown`
 * or absent, never compliant.
 */
export interface ManagedDevice {
  /** The connection's name in the settings. */
  readonly vendor: string
  /** The vendor's own stable key. */
  readonly vendorDeviceId: string
  readonly ids: DeviceIds
  /** As the vendor writes them, in lower case. */
  readonly user: { readonly name?: string; readonly upn?: string; readonly email?: string }
  readonly platform: Platform | undefined
  /** The marketing name, and the hardware code (`iPhone15,2`, `SM-G991B`). */
  readonly model?: string
  readonly modelCode?: string
  /** Dotted numbers, such as `17.5.1`. */
  readonly osVersion?: string
  readonly management: ManagementState
  readonly compliance: ComplianceState
  readonly graceUntil?: number
  /** Jailbroken or rooted; undefined: the vendor does not say. */
  readonly compromised?: boolean
  /** Milliseconds since the epoch: the last contact between the device and its MDM. */
  readonly lastSeen?: number
  /** The vendor's own words on why. */
  readonly reasons: readonly string[]
}

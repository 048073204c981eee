/** The part of the record that knows which profiles were sent to which device, and who the people are that enroll. */
import type { Actor } from '../domain/actor.ts'
import type { JsonObject } from '../domain/enrollment.ts'

/** What was done last about one profile of one device. */
export interface DeviceProfile {
  readonly enrollment: string
  /** Its PayloadIdentifier. */
  readonly identifier: string
  /** PayloadUUID of the revision. */
  readonly revision: string
  readonly action: 'install' | 'remove'
  /** `sent`: in the device's queue. `done`: the device has said so. `failed`: it could not, or the profile cannot be made for it. */
  readonly state: 'sent' | 'done' | 'failed'
  /** UUID of the command. */
  readonly command?: string
  /** For people. */
  readonly error?: string
  /** A device without it is out of compliance. */
  readonly required: boolean
  /** How often in a row it has failed. */
  readonly attempts: number
  readonly at: number
  /** Tried again then. */
  readonly dueAt?: number
}

export interface DeviceProfiles {
  of(enrollments: readonly string[]): Promise<readonly DeviceProfile[]>
  /** What these devices said last about the profiles that they have; who has not said anything is missing. */
  reported(enrollments: readonly string[]): Promise<ReadonlyMap<string, ReportedList>>
  /** Adds or replaces, in one transaction. */
  put(profiles: readonly DeviceProfile[]): Promise<void>
  forget(enrollment: string, identifiers: readonly string[]): Promise<void>
  /**
   * Sends again, whatever was done before: to one device or all, one profile or all. Audited, and announced as changes of the enrollments.
   * @returns how many there are
   */
  again(query: { readonly enrollment?: string; readonly identifier?: string }, by: Actor): Promise<number>
  counts(): Promise<readonly ProfileCount[]>
  /** Those that failed, at most `limit`. */
  failed(identifier: string, limit: number): Promise<readonly DeviceProfile[]>
}

/** The part `profiles` of an inventory. */
export interface ReportedList {
  readonly at: number
  readonly values: JsonObject
}

export interface ProfileCount {
  readonly identifier: string
  readonly action: DeviceProfile['action']
  readonly state: DeviceProfile['state']
  readonly count: number
}

/** Whoever has signed in to enroll, as of the last time. Written together with their pass. */
export interface EnrolledPeople {
  /** By name in lower case; who is not known is missing. */
  of(users: readonly string[]): Promise<ReadonlyMap<string, EnrolledPerson>>
}

export interface EnrolledPerson {
  readonly groups: readonly string[]
  readonly email?: string
  readonly fullName?: string
}

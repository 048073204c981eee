import type { Platform } from './client-identity.ts'
import type { DeviceIds } from './device-ids.ts'

/**
 * What is enrolled: the device itself, or one person's channel of a device that several share (a Mac's network user, a
 * Shared iPad's user). A user enrollment has neither UDID nor serial number.
 */
export const enrollmentKinds = ['device', 'user', 'user-enrollment', 'user-enrollment-user'] as const
export type EnrollmentKind = (typeof enrollmentKinds)[number]

/**
 * `pending`: has shown its identity and sent no push token yet. `leaving`: trust has ended on our side, and the device is told to
 * remove its management when it comes next. `gone`: it has checked out.
 */
export const enrollmentStates = ['pending', 'enrolled', 'leaving', 'gone'] as const
export type EnrollmentState = (typeof enrollmentStates)[number]

/** One enrollment as the record keeps it. Tokens are read apart (`Enrollments.secrets`, `Enrollments.pushTarget`). */
export interface Enrollment {
  /** As the device sends it: `UDID`, `UDID:UserID`, `EnrollmentID`, `EnrollmentID:EnrollmentUserID`; case-sensitive. */
  readonly id: string
  readonly kind: EnrollmentKind
  /** The device's enrollment that this channel belongs to. */
  readonly parent?: string
  readonly state: EnrollmentState
  /** Who signed in when it was enrolled, in lower case. */
  readonly user?: string
  /** Normalised (`lib/device-id.ts`). */
  readonly ids: DeviceIds
  readonly device: EnrolledDevice
  /** SHA-256 of the identity certificate's DER, base64url: no other certificate speaks for this enrollment. */
  readonly certificate: string
  readonly topic?: string
  /** The rights that it was asked for when it enrolled, as a number (`domain/access-rights.ts`); absent where that is not known. */
  readonly accessRights?: number
  /** It has given a push token that Apple has not called dead. */
  readonly pushable: boolean
  /** It waits in the Setup Assistant until it is told that it is configured. */
  readonly awaitingConfiguration: boolean
  readonly unlockable: boolean
  readonly createdAt: number
  /** Its last Authenticate. */
  readonly authenticatedAt: number
  /** To within a minute. */
  readonly lastSeenAt: number
  readonly ended?: { readonly at: number; readonly by: string; readonly why: string }
}

export interface EnrolledDevice {
  /** As sent; `serial` is what people know a device by. */
  readonly udid?: string
  readonly serial?: string
  readonly platform?: Platform
  readonly name?: string
  /** Hardware code, such as `iPhone15,2`. */
  readonly productName?: string
  readonly model?: string
  readonly osVersion?: string
  readonly buildVersion?: string
  /** Short and long name of the person whose channel it is. */
  readonly channelUser?: string
}

/** What a device has told of itself, part by part, each as of one report. */
export const inventoryParts = [
  'device-information',
  'security-info',
  'profiles',
  'certificates',
  'applications',
  'application-configurations',
] as const
export type InventoryPart = (typeof inventoryParts)[number]

export interface InventoryEntry {
  /** When it was reported, milliseconds since the epoch. */
  readonly at: number
  /** JSON values only: numbers for integers and reals, ISO 8601 for dates, base64 for data. */
  readonly values: JsonObject
}

export type Inventory = { readonly [Part in InventoryPart]?: InventoryEntry }

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject
export interface JsonObject {
  readonly [key: string]: JsonValue
}

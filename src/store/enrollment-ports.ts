/**
 * The part of the record that holds enrolled devices and what they are to do. Times are milliseconds since the epoch.
 * Push tokens, unlock tokens, bootstrap tokens and commands are sealed with a key of the installation: a copy of
 * the tables alone gives nobody power over a device.
 */

import type { Actor } from '../domain/actor.ts'
import type { DeviceIds } from '../domain/device-ids.ts'
import type {
  EnrolledDevice,
  Enrollment,
  EnrollmentKind,
  EnrollmentState,
  Inventory,
  InventoryPart,
  JsonObject,
} from '../domain/enrollment.ts'
import type { CommandError, CommandState, MdmCommand } from '../domain/mdm-command.ts'

export interface Enrollments {
  get(id: string): Promise<Enrollment | undefined>
  /** In the order of their ids, after `after`; at most 1000. */
  list(query: EnrollmentQuery): Promise<readonly Enrollment[]>
  /** Enrollments of devices with this serial number, in any form of it. */
  withSerial(serial: string): Promise<readonly Enrollment[]>
  /**
   * The device starts over (Authenticate): its tokens, its inventory, its waiting commands and the channels of its people end.
   * @returns `identity-taken` when the certificate speaks for another enrollment, or has spoken for one
   */
  begin(start: EnrollmentStart): Promise<'begun' | 'identity-taken'>
  /**
   * Takes the token of a device that is pending or enrolled (TokenUpdate), or of a new channel of one. An unlock token that the
   * update does not bring stays.
   * @returns `enrolled` for the first token after an Authenticate; `unknown` when there is no such enrollment (or device),
   * `full` when its device has as many channels as one may have
   */
  takeToken(update: TokenUpdate): Promise<'enrolled' | 'refreshed' | 'unknown' | 'full'>
  /** The identity was renewed: the new certificate speaks for the enrollment; the old one does no more, and is revoked as superseded. */
  repin(id: string, identity: PinnedIdentity, at: number): Promise<'repinned' | 'identity-taken'>
  /** The enrollment that this certificate speaks for, or has spoken for. */
  ownerOf(certificate: string): Promise<string | undefined>
  /** Every certificate that has spoken for it, the present one included. */
  certificatesOf(id: string): Promise<readonly string[]>
  /** The enrolled device that holds this key (SHA-256 of its SPKI, base64url): as its identity, or by a managed profile. */
  deviceOfKey(publicKey: string): Promise<string | undefined>
  /** Costs a write once a minute. */
  seen(id: string, at: number): Promise<void>
  secrets(id: string): Promise<EnrollmentSecrets>
  /** @param token undefined deletes it */
  setBootstrapToken(id: string, token: Uint8Array | undefined): Promise<void>
  inventory(id: string): Promise<Inventory>
  /** Replaces the part; announced as a change of the enrollment. */
  putInventory(id: string, report: InventoryReport): Promise<void>
  /**
   * Ends trust in the device (a channel ends alone): it is `gone` when it has checked out itself, else `leaving`. Its
   * certificates are revoked, registrations that came of it are
   * blocked, its waiting commands cancelled and its secrets removed; all audited and announced. A leaving device keeps its push
   * token, by which it is called in once more, until it is gone.
   * @returns what ended; undefined when there is no such enrollment. Ending what has ended changes nothing.
   */
  end(id: string, end: EnrollmentEnd, by: Actor): Promise<EndedEnrollment | undefined>
  /** undefined: neither enrolled nor leaving, no token, or Apple has called it dead. */
  pushTarget(id: string): Promise<PushTarget | undefined>
  /** Apple says that this token is dead. A newer one of the same enrollment stays. */
  retireToken(id: string, token: string, at: number): Promise<void>
  /** Counts by state. */
  counts(): Promise<Readonly<Record<EnrollmentState, number>>>
}

export interface InventoryReport {
  readonly part: InventoryPart
  readonly values: JsonObject
  readonly at: number
  /** What it says of the device as a whole; added to what is known. */
  readonly learnt?: { readonly ids?: DeviceIds; readonly device?: EnrolledDevice }
}

export interface EnrollmentQuery {
  readonly state?: EnrollmentState
  readonly user?: string
  readonly after?: string
  readonly limit: number
}

/** The certificate that speaks for an enrollment. */
export interface PinnedIdentity {
  /** SHA-256 of its DER, base64url. */
  readonly certificate: string
  /** SHA-256 of its public key (SPKI), base64url: what registrations are bound to. */
  readonly publicKey: string
}

export interface EnrollmentStart {
  readonly id: string
  readonly kind: EnrollmentKind
  readonly user?: string
  readonly ids: DeviceIds
  readonly device: EnrolledDevice
  readonly identity: PinnedIdentity
  readonly topic: string
  /** That its profile has asked for; undefined: as before. */
  readonly accessRights?: number
  readonly at: number
}

export interface TokenUpdate {
  readonly id: string
  /** For a channel of a device: that device's enrollment. */
  readonly channel?: {
    readonly kind: EnrollmentKind
    readonly parent: string
    readonly user: string | undefined
  }
  readonly token: Uint8Array
  readonly magic: string
  readonly topic: string
  readonly unlockToken?: Uint8Array
  readonly awaitingConfiguration: boolean
  readonly at: number
}

/** All three are of one TokenUpdate. */
export interface PushTarget {
  readonly enrollment: string
  /** Lower-case hexadecimal. */
  readonly token: string
  readonly magic: string
  readonly topic: string
  /** When the device gave it. */
  readonly updatedAt: number
}

export interface EnrollmentSecrets {
  readonly unlockToken?: Uint8Array
  readonly bootstrapToken?: Uint8Array
}

export type EnrollmentEnd = 'gone' | 'leaving'

export interface EndedEnrollment {
  readonly enrollment: Enrollment
  /** Registrations that were blocked by it, by id. */
  readonly blocked: readonly string[]
  /** Serials of the certificates that were revoked by it. */
  readonly revoked: readonly string[]
}

/** What is to be done, device by device, in order. */
export interface MdmCommands {
  /**
   * Appends to the queue, and wants the push that calls the device in.
   * @returns `full` when `limit` commands wait already, `unknown` when no such enrollment is pending or enrolled, `waiting` when one that must not be
   * there twice (`once`) is
   */
  enqueue(command: NewCommand, by: Actor, limit?: number): Promise<EnqueueOutcome>
  get(uuid: string): Promise<MdmCommand | undefined>
  /** Newest first. */
  list(query: CommandQuery): Promise<readonly MdmCommand[]>
  /** The command's dict as an XML property list. */
  payload(uuid: string): Promise<Uint8Array | undefined>
  /** What the device reported, as it came; undefined when nothing was kept. */
  result(uuid: string): Promise<Uint8Array | undefined>
  /**
   * The next command for the device, marked as sent. Expired ones are passed over and marked so.
   * @param fresh true at the beginning of a session: those that got NotNow before are offered again
   */
  next(
    enrollment: string,
    query: { readonly fresh: boolean; readonly renewalOnly: boolean; readonly at: number },
  ): Promise<MdmCommand | undefined>
  /**
   * Takes a device's report. One about a command that is not this enrollment's, or has ended, changes nothing.
   * @returns the command as it is now, or undefined when nothing changed
   */
  report(report: CommandReport): Promise<MdmCommand | undefined>
  /** Takes a waiting command back. One that was sent may be carried out all the same. @returns false when it is not waiting */
  cancel(uuid: string, by: Actor): Promise<boolean>
  /** When the earliest of its deferred commands may be pushed for; undefined when none is deferred. */
  deferredUntil(enrollment: string): Promise<number | undefined>
  /** Enrollments that have waiting commands which may be pushed for now, in the order of their ids, after `after`. */
  waiting(query: {
    readonly now: number
    readonly after?: string
    readonly limit: number
  }): Promise<readonly string[]>
}

export type EnqueueOutcome = 'queued' | 'full' | 'unknown' | 'waiting'

export interface NewCommand {
  readonly uuid: string
  readonly enrollment: string
  readonly requestType: string
  /** XML property list of the command's dict, RequestType included. */
  readonly payload: Uint8Array
  readonly renewal?: boolean
  readonly expiresAt?: number
  /** Asked by the service itself, again and again: not audited. */
  readonly routine?: boolean
  /** Not beside a waiting one of the same request type: erasing twice is one time too many. A renewal is never beside another. */
  readonly once?: boolean
}

export interface CommandQuery {
  readonly enrollment: string
  readonly states?: readonly CommandState[]
  readonly limit: number
}

export interface CommandReport {
  readonly uuid: string
  readonly enrollment: string
  readonly state: 'acknowledged' | 'error' | 'format-error' | 'not-now'
  readonly errors: readonly CommandError[]
  /** The report as it came; kept up to 256 KiB. */
  readonly body?: Uint8Array
  /** With `not-now`: when a push may call the device for it again. */
  readonly notBefore?: number
  readonly at: number
}

/** Devices that are to be woken: one push each. The push worker reads it; whoever has something for a device wants a push. */
export interface PushOutbox {
  /** Wanting what is wanted already changes nothing, but for an earlier time. Announced as `push-wanted`. */
  wantPush(enrollment: string, notBefore: number): Promise<void>
  /** The device has come: nothing is left to wake it for. */
  settlePush(enrollment: string): Promise<void>
  /** The pushes that are due, the longest due first. */
  due(now: number, limit: number): Promise<readonly WantedPush[]>
  /** When the next one is due; undefined when none is wanted. */
  nextDue(): Promise<number | undefined>
  /** What became of pushes. One that was wanted anew meanwhile stays as it is. */
  took(results: readonly PushResult[]): Promise<void>
  get(enrollment: string): Promise<WantedPush | undefined>
  size(): Promise<number>
}

export interface WantedPush {
  readonly enrollment: string
  /** The sequence of the change that wanted it last. */
  readonly wanted: number
  readonly dueAt: number
  /** Attempts in a row that Apple did not accept. */
  readonly failures: number
  /** How often Apple has accepted it without the device having come. */
  readonly accepted: number
  readonly acceptedAt?: number
  /** `200`, or status and reason of the last answer, or why there was none. */
  readonly lastAnswer?: string
}

export interface PushResult {
  readonly push: WantedPush
  readonly answer: string
  /** When to push again if the device has not come by then; undefined: no more. */
  readonly next:
    | {
        readonly dueAt: number
        readonly failures: number
        readonly accepted: number
        readonly acceptedAt?: number
      }
    | undefined
}

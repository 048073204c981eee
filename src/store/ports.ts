/**
 * The record: what must survive. One schema through Kysely for SQLite and PostgreSQL, one file a subject, and these
 * ports, of which each consumer takes the narrowest. Lookups give `undefined` for what is not there. Anything that
 * keeps the record from answering (locked, full, gone) is thrown as `RecordUnavailable`. Times are milliseconds since
 * the epoch. Each write is one transaction that also appends the audit record and the change notice it is given.
 */

import type { Actor } from '../domain/actor.ts'
import type { AppDevice, BindingTicket } from '../domain/app-device.ts'
import type { AuditEvent, AuditRecord } from '../domain/audit.ts'
import type { ClientKey, DeviceDescription } from '../domain/client-identity.ts'
import type { Explanation, RequestFacts } from '../domain/decision.ts'
import type { DeviceIdKind, DeviceIds } from '../domain/device-ids.ts'
import type { ManagedDevice } from '../domain/managed-device.ts'
import type { MdmToken } from '../domain/mdm-token.ts'
import type { Posture } from '../domain/posture.ts'
import type { DeviceState, Registration } from '../domain/registration.ts'
import type { Source } from '../domain/request-head.ts'
import type { Authorities, Certificates, ProxiedKeys, ScepChallenges } from './certificate-ports.ts'
import type { Enrollments, MdmCommands, PushOutbox } from './enrollment-ports.ts'
import type { EnrollmentCodes, EnrollmentPasses } from './enrollment-sign-in-ports.ts'
import type { DeviceProfiles, EnrolledPeople } from './profile-ports.ts'
import type { Renewals } from './renewal-ports.ts'

export interface RegistrationReader {
  /** The state of the registration that one of the hashes belongs to; the first hash that is known wins. Expired keys are unknown. */
  findByKeys(hashes: readonly string[], now: number): Promise<FoundState | undefined>
  get(id: string): Promise<DeviceState | undefined>
  /** Ordered by registeredAt and id, newest first. `after` is the id of the last row of the page before. */
  list(query: RegistrationQuery): Promise<readonly DeviceState[]>
}

export interface FoundState {
  readonly state: DeviceState
  readonly keyHash: string
  readonly keyExpiresAt?: number
}

export interface RegistrationQuery {
  readonly service?: string
  readonly user?: string
  readonly blocked?: boolean
  readonly after?: string
  /** At most 1000. */
  readonly limit: number
}

export interface RegistrationWriter {
  /**
   * Adds a registration with its keys, unless the user has `clientsPerUser` of the service already. A key that
   * belongs to another registration of the same user and service moves to the new one, and a registration that lost
   * its last key so is forgotten: a client that registers again replaces itself. A key of another user's is refused.
   * @param spent what is used up with it, in the same transaction
   */
  register(
    registration: Registration,
    keys: readonly ClientKey[],
    clientsPerUser: number,
    spent?: Spent,
  ): Promise<RegisterOutcome>
  /** Adds keys (access tokens of a new sign-in) to a registration. At most 50 stay, the oldest expiring first. */
  addKeys(id: string, keys: readonly ClientKey[]): Promise<void>
  removeKeys(hashes: readonly string[]): Promise<void>
  /** Clients have updated their operating systems. One whose version is another than `from` by now stays as it is. */
  osUpdated(updates: readonly OsUpdate[]): Promise<void>
  /** @returns the new state, or undefined when there is no such registration */
  block(id: string, by: Actor): Promise<DeviceState | undefined>
  unblock(id: string, by: Actor): Promise<DeviceState | undefined>
  forget(id: string, by: Actor): Promise<DeviceState | undefined>
}

export interface OsUpdate {
  /** Of the registration. */
  readonly id: string
  readonly from: string | undefined
  readonly to: string
  readonly at: number
}

export type RegisterOutcome =
  | { readonly outcome: 'registered'; readonly state: DeviceState }
  | { readonly outcome: 'limit' }
  | { readonly outcome: 'key-taken' }
  /** The MDM token that spoke for it has expired or was revoked in the meantime. */
  | { readonly outcome: 'token-inactive' }
  /** The company app's key that spoke for it was revoked in the meantime. */
  | { readonly outcome: 'app-revoked' }
  /** The binding link has expired or has registered another client in the meantime. */
  | { readonly outcome: 'ticket-used' }

/** Evidence that counts once. */
export interface Spent {
  /** Hashes of keys that the client gives up: an approval that was granted to them is used up. */
  readonly approvals?: readonly string[]
  /** Hash of a binding ticket. */
  readonly ticket?: string
}

export type { Actor }

/** Secrets given to a client before it is registered (a Lync ticket): they remember the user alone. */
export interface Grants {
  add(keys: readonly ClientKey[], service: string, user: string): Promise<void>
  userOf(hash: string, now: number): Promise<string | undefined>
}

/** Devices that wait for an administrator. */
export interface Approvals {
  /** Adds a waiting device, or returns the one that is there for these keys. `full` when `limit` wait already, or too many from its source. */
  request(request: ApprovalRequest, limit: number): Promise<Approval | 'full'>
  /** The first hash that is known wins. With `user`, only approvals of this user, or of nobody in particular, count. */
  findByKeys(hashes: readonly string[], user?: string): Promise<Approval | undefined>
  /** Newest first. */
  list(status: ApprovalStatus | undefined, limit: number): Promise<readonly Approval[]>
  /** @returns the approval as it is now, or undefined when there is none with this id */
  decide(id: string, status: 'granted' | 'denied', by: Actor): Promise<Approval | undefined>
}

export type ApprovalStatus = 'waiting' | 'granted' | 'denied'

export interface ApprovalRequest {
  readonly service: string
  readonly user?: string
  readonly device: DeviceDescription
  readonly source: string
  readonly rule: string
  readonly keys: readonly ClientKey[]
  readonly at: number
}

export interface Approval extends Omit<ApprovalRequest, 'keys'> {
  /** Public id, such as `a_7c1q…`. */
  readonly id: string
  readonly status: ApprovalStatus
  readonly decidedAt?: number
  readonly decidedBy?: string
}

/** Devices that the company app has registered with its own public key. */
export interface AppDevices {
  /**
   * Adds a device, or renews the one that has this key, and makes its binding tickets: earlier unused ones of the same
   * device and service end.
   * @returns undefined when the key is that of another user's app, or of another device's; one that is revoked is
   * returned as it was, without tickets
   */
  admit(contact: AppContact): Promise<AppDevice | undefined>
  /** Revoked ones too. */
  findByKey(thumbprint: string): Promise<AppDevice | undefined>
  /** Those seen last come first. */
  list(filter: AppDeviceFilter): Promise<readonly ListedAppDevice[]>
  /**
   * Ends the trust in an app's key, its links, blocks the registrations that rest on it, and announces it (`app`).
   * @returns undefined when there is no such device; as it was when it had been revoked already
   */
  revoke(id: string, by: Actor): Promise<RevokedAppDevice | undefined>
}

export interface AppDeviceFilter {
  readonly limit: number
  readonly user?: string
  /** Id of the package key of its last first contact. */
  readonly packageKey?: string
  /** Without those that are revoked. */
  readonly active?: boolean
}

export interface ListedAppDevice extends AppDevice {
  /** How many rest on it. */
  readonly registrations: number
}

export interface RevokedAppDevice {
  readonly device: AppDevice
  /** Ids of the registrations that this has blocked. */
  readonly blocked: readonly string[]
}

export interface AppContact {
  /** `id` is given to a device that is new. */
  readonly device: Omit<AppDevice, 'registeredAt' | 'lastSeenAt' | 'packageKey' | 'revoked'>
  /** Id of the package key. */
  readonly packageKey: string
  readonly source: string
  readonly at: number
  readonly tickets: readonly NewTicket[]
}

export interface NewTicket {
  readonly hash: string
  readonly service: string
  readonly expiresAt: number
}

/** One-time links that bind a client to an app's device. They are used up by `RegistrationWriter.register`. */
export interface BindingTickets {
  /** Also one that has expired or is used, for a day. */
  find(hash: string): Promise<BindingTicket | undefined>
  /** The usable ticket that one of these holders opened. */
  findHeld(service: string, holders: readonly string[], now: number): Promise<BindingTicket | undefined>
  /** The usable tickets that were opened from this address for clients that cannot carry them, newest first. */
  findOpened(service: string, source: string, now: number): Promise<readonly BindingTicket[]>
  /** @returns `taken` when it is used, has expired, or somebody else opened it */
  open(hash: string, opening: TicketOpening): Promise<'opened' | 'taken'>
}

export interface TicketOpening {
  readonly at: number
  readonly holder?: string
  readonly source?: string
}

/** Which devices the MDM vendors report. */
export interface ReportedDevices {
  /** Does a vendor report a managed device with one of these ids for this user? `unavailable`: no vendor has told of any yet. */
  knownByVendor(ids: DeviceIds, user: string): Promise<'known' | 'unknown' | 'unavailable'>
}

/** The audited, expiring switch that lets a service through. */
export interface Bypasses {
  open(bypass: Bypass): Promise<void>
  close(service: string, by: Actor): Promise<boolean>
  active(now: number): Promise<readonly Bypass[]>
}

export interface Bypass {
  readonly service: string
  readonly until: number
  readonly by: Actor
}

/** Refusals are kept for `gatehouse explain REFERENCE`: facts and decision, no header, no query, no secret. */
export interface Refusals {
  /** Written in batches; `retain` newest stay. */
  add(refusals: readonly StoredRefusal[], retain: number): Promise<void>
  get(reference: string): Promise<StoredRefusal | undefined>
}

export interface StoredRefusal {
  readonly reference: string
  readonly at: number
  /** Absent in refusals that an older version kept. */
  readonly source?: Source
  readonly facts: RequestFacts
  /** The registration that had been found, by id. */
  readonly registration?: string
  readonly state?: DeviceState
  readonly explanation: Explanation
  readonly policyDigest: string
}

export interface AuditLog {
  append(event: AuditEvent): Promise<AuditRecord>
  /** In the order of their sequence: those above `after`; without it, the newest `limit`. */
  list(query: {
    readonly after?: number
    readonly limit: number
    readonly subject?: string
  }): Promise<readonly AuditRecord[]>
  /**
   * Recomputes the chain. It begins at its first record, or after the last one whose removal the chain itself tells of.
   * @returns the sequence of the first record that does not fit, or undefined
   */
  verify(): Promise<number | undefined>
}

/**
 * Announcements of committed changes, in order and without holes; some thousands of the newest stay, so a sequence
 * that jumps means that changes were missed. Every gateway process follows them and drops its copies, so that a
 * change made by the command line, another process or another machine is seen everywhere within a second.
 */
export interface Changes {
  latest(): Promise<number>
  /** Changes with a sequence above `sequence`, at most `limit`. */
  since(sequence: number, limit: number): Promise<readonly Change[]>
}

export interface Change {
  readonly sequence: number
  readonly kind:
    | 'registration'
    | 'approval'
    | 'bypass'
    | 'mdm-token'
    /** A device of the company app was revoked. */
    | 'app'
    | 'vendor'
    | 'certificate'
    | 'enrollment'
    | 'push-wanted'
  /** Id of the registration, approval, token, app's device, enrollment or authority, serial of the certificate, name of the service or of the MDM connection. */
  readonly subject: string
  /**
   * Never the same twice: when the change of a sequence has another mark than it had, the record was replaced by an older
   * one (a back-up) and has had other changes since.
   */
  readonly mark: string
}

/** Small secrets of the installation that all its processes share: signing keys by name. Stored in the record, which is 0600. */
export interface InstallationKeys {
  /** The value of `name`; made by `create` when there is none yet (the first process to store it wins). */
  getOrCreate(name: string, create: () => string): Promise<string>
}

/**
 * Who of many processes does what only one may do at a time (polling a vendor, removing old records, pushing). A lease
 * is taken over when its holder has not renewed it for its whole time, measured by the contender's own monotonic
 * clock: clocks that differ or step can neither end a lease early nor keep it.
 */
export interface Leases {
  /**
   * Takes the lease, or renews it when `holder` has it.
   * @returns the term, which grows with each new holder: a write may demand that it is still the present one
   */
  hold(name: string, holder: string, ttlMs: number): Promise<number | undefined>
  release(name: string, holder: string): Promise<void>
  list(): Promise<readonly Lease[]>
}

export interface Lease {
  readonly name: string
  readonly holder: string
  readonly term: number
}

/** Removes what is older than the settings keep it, in steps that hold nobody up. */
export interface Retention {
  /**
   * The oldest in the order of their sequence, up to the first that is not older than `before`. The log says so in a
   * record of its own (`audit.removed`), so that `AuditLog.verify` still holds.
   * @returns how many were removed; fewer than `atMost` when nothing older is left
   */
  removeAudit(before: number, atMost: number): Promise<number>
  removeRefusals(before: number, atMost: number): Promise<number>
  /** Requests for approval, whatever became of them: a device that was denied may ask again. */
  removeApprovals(before: number, atMost: number): Promise<number>
  /** The company app's devices that were seen last before, unless one is revoked or speaks for a registration. */
  removeAppDevices(before: number, atMost: number): Promise<number>
  /** Of `ProxiedKeys`, those that ended before, unless a certificate of theirs was good later. Others never. */
  removeScepKeys(before: number, atMost: number): Promise<number>
  /** Keys, grants and binding links that ended before: they open nothing any more. `atMost` of each. */
  removeExpired(before: number, atMost: number): Promise<number>
}

export interface MdmTokenReader {
  /** All of them, newest first: revoked and expired ones too, so that an old token is told from a guess. */
  list(): Promise<readonly StoredMdmToken[]>
}

export interface StoredMdmToken extends MdmToken {
  /** HMAC-SHA256 of the token under the key `mdm-token-pepper`, base64url. The token itself is stored nowhere. */
  readonly hash: string
  /** Registrations that remember it. */
  readonly registrations: number
}

export interface MdmTokenWriter {
  /** @returns `taken` when there is one with this hash already, revoked or not; `full` when there are `mostMdmTokens` */
  create(
    token: NewMdmToken,
    by: Omit<Actor, 'why'> & { readonly why?: string },
  ): Promise<'created' | 'taken' | 'full'>
  /** Revoking what is revoked changes nothing. @returns the token as it is now, or undefined when there is none */
  revoke(id: string, by: Actor): Promise<MdmToken | undefined>
  /** The registration rests on this token from now on. Changes nothing when it does already, or one of them is gone. */
  remember(registrationId: string, tokenId: string): Promise<void>
  /** Adds uses since the last call; neither audited nor announced. */
  used(uses: readonly MdmTokenUse[]): Promise<void>
}

export type MdmTokens = MdmTokenReader & MdmTokenWriter

export type NewMdmToken = Pick<StoredMdmToken, 'id' | 'hash' | 'label' | 'origin' | 'expiresAt'>

export interface MdmTokenUse {
  readonly id: string
  readonly uses: number
  readonly lastUsedAt: number
}

/** Revoked ones included: a gateway holds them all in memory. */
export const mostMdmTokens = 1000

/**
 * What MDM vendors have reported, device by device. Reading a fleet that has not changed writes nothing here: `digests`
 * says what is known already, and only what differs is put.
 */
export interface ManagedDevices {
  /** What is known of these devices, by their id at the vendor; those that are not known are missing. */
  digests(vendor: string, ids: readonly string[]): Promise<ReadonlyMap<string, KnownDigest>>
  /** Adds or replaces, in one transaction; at most some hundred at once. @returns the keys that they had before */
  put(devices: readonly StoredDevice[]): Promise<readonly DeviceKey[]>
  /** @returns the keys that they had */
  remove(vendor: string, ids: readonly string[]): Promise<readonly DeviceKey[]>
  get(vendor: string, id: string): Promise<StoredDevice | undefined>
  count(vendor: string): Promise<number>
  /** Ids at the vendor in their order, after `after`. */
  ids(vendor: string, after: string | undefined, limit: number): Promise<readonly string[]>
  /** Devices that have one of the keys, each once. */
  byKeys(keys: readonly DeviceKey[]): Promise<readonly StoredDevice[]>
  /** Those that are out of compliance, in the order of their ids, after `after`. */
  toAskAgain(vendor: string, after: string | undefined, limit: number): Promise<readonly string[]>
  /** Those whose verdict has changed by time alone; they are due once. */
  takeDue(now: number, limit: number): Promise<readonly StoredDevice[]>
  /** Connections that have devices in the record, also those that the settings do not have any more. */
  vendors(): Promise<readonly string[]>
}

export interface KnownDigest {
  readonly digest: string
  readonly lastSeen?: number
}

export interface StoredDevice {
  readonly device: ManagedDevice
  readonly digest: string
  readonly learntAt: number
  readonly dueAt?: number
  readonly askAgain: boolean
  /** How it is found: its ids and the names of its user. */
  readonly keys: readonly DeviceKey[]
}

export interface DeviceKey {
  readonly kind: DeviceIdKind | 'user'
  readonly value: string
}

/** How the vendors were read. A few sweeps of each are kept. */
export interface VendorSweeps {
  /** Announces the vendor when the sweep was complete: the gateways then know how old its news are. */
  add(sweep: VendorSweep): Promise<void>
  /** Newest first. */
  list(vendor: string, limit: number): Promise<readonly VendorSweep[]>
  /** For each vendor when its last complete sweep began. */
  lastComplete(): Promise<ReadonlyMap<string, number>>
  /** An administrator says that what this vendor reports next is right, however few devices are left. */
  confirm(vendor: string, by: Actor): Promise<void>
  confirmedAt(vendor: string): Promise<number | undefined>
  /** Somebody would like this vendor to be swept now, by whichever process asks the vendors. */
  requestPoll(vendor: string, at: number): Promise<void>
  takePolls(): Promise<readonly string[]>
}

export interface VendorSweep {
  readonly vendor: string
  readonly startedAt: number
  readonly finishedAt: number
  /** It came to its end. */
  readonly complete: boolean
  readonly counts: SweepCounts
  readonly error?: { readonly code: string; readonly message: string }
}

export interface SweepCounts {
  readonly devices: number
  readonly changed: number
  readonly gone: number
  readonly unreadable: number
}

/** The postures of registrations, and what is held back of them. */
export interface Postures {
  /**
   * Sets postures in one transaction: new version and notice for each, an audit record where the state is another.
   * A registration that is gone is passed over. What was held back for one of them is not any more.
   * @returns the versions that it gave
   */
  set(changes: readonly PostureChange[], by: Pick<Actor, 'name' | 'at'>): Promise<readonly number[]>
  /** Registrations that have one of the keys, and those with one of the ids; each once. */
  find(query: {
    readonly keys?: readonly DeviceKey[]
    readonly ids?: readonly string[]
  }): Promise<readonly DeviceState[]>
  /** Ids of the registrations that share a key with one of these devices of the vendor. */
  concerning(vendor: string, deviceIds: readonly string[]): Promise<readonly string[]>
  /** By what these registrations are found; those for which nothing is set are missing. */
  keysOf(ids: readonly string[]): Promise<ReadonlyMap<string, readonly DeviceKey[]>>
  setKeys(keys: ReadonlyMap<string, readonly DeviceKey[]>): Promise<void>
  /** All registrations in the order of their ids, after `after`. */
  page(after: string | undefined, limit: number): Promise<readonly DeviceState[]>
  /** How many of this page are vouched for by the vendor, and the page's last id; undefined after the last. */
  countCompliant(vendor: string, after: string | undefined, limit: number): Promise<CountedPage>
  hold(blocks: readonly HeldBlock[]): Promise<void>
  held(vendor: string, after?: string, limit?: number): Promise<readonly HeldBlock[]>
  heldCount(vendor: string): Promise<number>
  drop(ids: readonly string[]): Promise<void>
}

export interface CountedPage {
  readonly count: number
  readonly last: string | undefined
}

export interface PostureChange {
  readonly id: string
  readonly posture: Posture
}

export interface HeldBlock {
  readonly id: string
  readonly vendor: string
  readonly posture: Posture
  /** The device is gone, and what the settings say for that applies. */
  readonly gone: boolean
  readonly since: number
}

/** What administrators say about matches, and what gateways would like to know sooner. */
export interface DeviceLinks {
  /** @returns false when there is no such registration */
  link(registrationId: string, device: LinkedDevice, by: Actor): Promise<boolean>
  unlink(registrationId: string, by: Actor): Promise<boolean>
  /** Links of these registrations, by their id. */
  of(ids: readonly string[]): Promise<ReadonlyMap<string, LinkedDevice>>
  /** Registrations that are linked to one of these devices. */
  to(devices: readonly LinkedDevice[]): Promise<readonly string[]>
  /** The registration may stay although it is one too many. @returns false when there is no such registration */
  approveSurplus(registrationId: string, by: Actor): Promise<boolean>
  approvedAmong(ids: readonly string[]): Promise<ReadonlySet<string>>
  /** Asks for fresh news of this registration's device; once until it is taken. */
  requestRefresh(registrationId: string, at: number): Promise<void>
  takeRefreshes(limit: number): Promise<readonly string[]>
  /**
   * A vendor's notification has named these devices: whoever asks the vendors is told, and looks them up. Some thousands
   * may wait; what is beyond is left to the next sweep.
   */
  requestDevices(devices: readonly LinkedDevice[], at: number): Promise<void>
  /** Those that wait longest; they are taken once. */
  takeDevices(limit: number): Promise<readonly LinkedDevice[]>
}

export interface LinkedDevice {
  readonly vendor: string
  readonly vendorDeviceId: string
}

export interface Store {
  readonly registrations: RegistrationReader & RegistrationWriter
  readonly grants: Grants
  readonly approvals: Approvals
  readonly bypasses: Bypasses
  readonly appDevices: AppDevices
  readonly bindingTickets: BindingTickets
  readonly mdmTokens: MdmTokens
  readonly refusals: Refusals
  readonly audit: AuditLog
  readonly changes: Changes
  readonly keys: InstallationKeys
  readonly leases: Leases
  readonly retention: Retention
  readonly managedDevices: ManagedDevices
  readonly sweeps: VendorSweeps
  readonly postures: Postures
  readonly links: DeviceLinks
  readonly authorities: Authorities
  readonly certificates: Certificates
  readonly scepChallenges: ScepChallenges
  readonly proxiedKeys: ProxiedKeys
  readonly renewals: Renewals
  readonly enrollments: Enrollments
  readonly mdmCommands: MdmCommands
  readonly pushOutbox: PushOutbox
  readonly enrollmentCodes: EnrollmentCodes
  readonly enrollmentPasses: EnrollmentPasses
  readonly deviceProfiles: DeviceProfiles
  readonly enrolledPeople: EnrolledPeople
  /** Cheap check that the record answers. @throws RecordUnavailable */
  ping(): Promise<void>
  /** Check that the record takes a write, by one that changes nothing. @throws RecordUnavailable */
  pingWrites(): Promise<void>
  close(): Promise<void>
}

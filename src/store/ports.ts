/**
 * The record: what must survive. One schema through Kysely for SQLite and PostgreSQL, one file a subject, and these
 * ports, of which each consumer takes the narrowest. Lookups give `undefined` for what is not there. Anything that
 * keeps the record from answering (locked, full, gone) is thrown as `RecordUnavailable`. Times are milliseconds since
 * the epoch. Each write is one transaction that also appends the audit record and the change notice it is given.
 */
import type { AuditEvent, AuditRecord } from '../domain/audit.ts'
import type { ClientKey, DeviceDescription } from '../domain/client-identity.ts'
import type { Explanation, RequestFacts } from '../domain/decision.ts'
import type { MdmToken } from '../domain/mdm-token.ts'
import type { DeviceState, Registration } from '../domain/registration.ts'
import type { Source } from '../domain/request-head.ts'

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
   * @param spent hashes of keys that the client gives up with this: an approval that was granted to them is used up
   */
  register(
    registration: Registration,
    keys: readonly ClientKey[],
    clientsPerUser: number,
    spent?: readonly string[],
  ): Promise<RegisterOutcome>
  /** Adds keys (access tokens of a new sign-in) to a registration. At most 50 stay, the oldest expiring first. */
  addKeys(id: string, keys: readonly ClientKey[]): Promise<void>
  removeKeys(hashes: readonly string[]): Promise<void>
  /** @returns the new state, or undefined when there is no such registration */
  block(id: string, by: Actor): Promise<DeviceState | undefined>
  unblock(id: string, by: Actor): Promise<DeviceState | undefined>
  forget(id: string, by: Actor): Promise<DeviceState | undefined>
}

export type RegisterOutcome =
  | { readonly outcome: 'registered'; readonly state: DeviceState }
  | { readonly outcome: 'limit' }
  | { readonly outcome: 'key-taken' }
  /** The MDM token that spoke for it has expired or was revoked in the meantime. */
  | { readonly outcome: 'token-inactive' }

/** Who does it and why; both are audited. */
export interface Actor {
  readonly name: string
  readonly why: string
  readonly at: number
}

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
  readonly kind: 'registration' | 'approval' | 'bypass' | 'mdm-token'
  /** Id of the registration, approval or token, name of the service. */
  readonly subject: string
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

export interface Store {
  readonly registrations: RegistrationReader & RegistrationWriter
  readonly grants: Grants
  readonly approvals: Approvals
  readonly bypasses: Bypasses
  readonly mdmTokens: MdmTokens
  readonly refusals: Refusals
  readonly audit: AuditLog
  readonly changes: Changes
  readonly keys: InstallationKeys
  readonly leases: Leases
  readonly retention: Retention
  /** Cheap check that the record answers. @throws RecordUnavailable */
  ping(): Promise<void>
  /** Check that the record takes a write, by one that changes nothing. @throws RecordUnavailable */
  pingWrites(): Promise<void>
  close(): Promise<void>
}

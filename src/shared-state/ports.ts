/**
 * Shared state: what gateway processes share and may lose at any time (device states, notices, nonces, counters),
 * behind ports that memory and Redis both serve. What must survive is in the record (`store/`).
 */
import type { DeviceState } from '../domain/registration.ts'

/** The shared state does not answer, or not in time. Nonces then fail closed; everything else goes on without it. */
export class SharedStateUnavailable extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'SharedStateUnavailable'
  }
}

/**
 * Device states between the hot copies and the record. Each state carries the version that the record gave it, and
 * an older version never replaces a newer one: whoever reads slowly cannot put back what was true before. A key points
 * to a registration *at a version*; a pointer whose version is not the state's own counts for nothing, so that each
 * change of a registration, of its keys too, ends all its pointers at once. Entries end by themselves after a while.
 * Every call may throw `SharedStateUnavailable`; the record is asked then.
 */
export interface DeviceStateCache {
  /** For each hash what is known of it, in their order; undefined where nothing is. */
  find(hashes: readonly string[]): Promise<readonly (CachedState | 'unknown' | undefined)[]>
  /** The state that the record gave for this key. */
  put(entry: CacheEntry): Promise<void>
  /**
   * Keys that the record does not know, for a short time: a flood of made-up ids must not become one of reads.
   * @param asOf a sequence of the record's changes up to which the read that found nothing certainly saw: a
   *   registration that was announced after it is not hidden
   */
  putUnknown(hashes: readonly string[], asOf: number): Promise<void>
  /**
   * The registration has changed with this sequence: what is older counts no more, and cannot come back. For this
   * process that holds from the call on, whether or not the cache could be told. Changes come in order, and none is
   * left out; when one may have been, `distrust` comes first.
   * @param mark the change's own, by which a record that was restored is told from the one that it was
   */
  invalidate(registrationId: string, sequence: number, mark: string): Promise<void>
  /** Changes may have been missed: nothing counts until the cache has been compared with the record's changes. */
  distrust(): void
  /** A registration was committed with these keys: they are unknown no more. */
  forgetUnknown(hashes: readonly string[], sequence: number): Promise<void>
}

export interface CacheEntry {
  readonly hash: string
  readonly state: DeviceState
  readonly keyExpiresAt?: number
  /** A sequence of the record's changes up to which the read that found this certainly saw. */
  readonly asOf: number
}

export interface CachedState {
  readonly state: DeviceState
  readonly keyExpiresAt?: number
}

/**
 * Tells the other processes and machines that the record has changed, so that they look at once instead of at their
 * next turn. Only a hint: what changed, and in which order, is the record's to say (`Changes`), and a notice may be lost.
 */
export interface Notices {
  /** Never rejects: who misses it sees the change at its next look. */
  announce(): Promise<void>
  /** @returns ends it */
  onNotice(listener: () => void): () => void
}

export interface NonceStore {
  /**
   * Claims `key` for `ttlMs` milliseconds.
   * @param ageMs how long ago what the nonce belongs to was made, at the least (negative: by a clock that is ahead)
   * @returns true for the first claim; false when it is claimed already, when no more can be remembered, and when it is
   * older than what is remembered (the store has begun anew since): what might have been used before is refused
   */
  claim(key: string, ttlMs: number, ageMs?: number): Promise<boolean>
}

export interface Counters {
  /** Counts one more for `key`. @returns how many there are in the window of `windowMs` that the first one opened */
  hit(key: string, windowMs: number): Promise<number>
}

/** The record's changes, as the cache reads them after it was away (`Changes` of the store has this shape). */
export interface ChangeHistory {
  latest(): Promise<number>
  /** Above `sequence`, in order and without holes; a sequence that jumps means that the ones between are gone. */
  since(sequence: number, limit: number): Promise<readonly RecordedChange[]>
}

export interface RecordedChange {
  readonly sequence: number
  readonly kind: string
  readonly subject: string
  readonly mark: string
}

/** What a process shares with the others, or has for itself. */
export interface SharedState {
  /** Undefined where the hot copies are enough: there is no Redis. */
  readonly cache?: DeviceStateCache
  readonly notices: Notices
  readonly nonces: NonceStore
  readonly counters: Counters
  close(): Promise<void>
}

export interface SharedStateDependencies {
  /** The record's: what Redis may not have been told of. */
  readonly changes: ChangeHistory
  /** The record's: the id of the installation, by which its keys are told from another's. */
  readonly keys: { getOrCreate(name: string, create: () => string): Promise<string> }
  readonly random: { id(): string }
  readonly now: () => number
  /** Of the processes of this machine together; taken where there is no Redis. */
  readonly localNotices?: Notices
  readonly localNonces?: NonceStore
  readonly localCounters?: Counters
  /** Milliseconds for each call (`limits.redisTimeout`). */
  readonly timeout: number
  /** Milliseconds that opening waits for Redis; 300 when undefined. The start is not to wait for one that is away. */
  readonly patience?: number
  /** Called when Redis is no longer well and when it is again; not called when there is none. */
  readonly onCondition: (ok: boolean, detail?: string) => void
  /** A value in Redis that counted for nothing. */
  readonly onRejected: (why: RejectedValue) => void
}

/** A value that nobody of ours has written, or a key of another type, which somebody else has made. */
export type RejectedValue = 'malformed' | 'wrong-type'

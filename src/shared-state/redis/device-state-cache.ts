/**
 * Device states in Redis, and why they may be believed.
 *
 * Redis can come back with what was true before: from an RDB file of last night, or as a replica that had not heard of
 * the last block when it became the master. A state from there would let in who has been blocked since. So beside the
 * states stands a **position**: a generation, by which the other keys are named, and the sequence of the record's changes
 * up to which that generation has been invalidated, with the mark of that change.
 *
 * - A script reads position and states together, and gives nothing when the position is below the last change that the
 *   asking process was told of. The record is read then.
 * - What Redis writes it keeps in order, and all keys of an installation stand on one shard (`keys.ts`). A Redis that
 *   goes back therefore takes position and states back to the same moment, and the position tells.
 * - Whoever finds it behind replays the record's changes from there as invalidations, and moves the position on. When
 *   the record no longer has all of them, when the position is lost (flushed, evicted), and when the record's change of
 *   that sequence has another mark or is not there (it was restored from a back-up), a new generation begins, in which
 *   nothing is known.
 * - An invalidation leaves the change's sequence where the state was, so that nobody who read the record before the
 *   change can put back what he read. A generation takes nothing that was read as of a sequence before its beginning.
 * - Every process invalidates by itself what it is told of, also while others do the same: it costs little, and nobody
 *   has to be waited for.
 */
import type { DeviceState } from '../../domain/registration.ts'
import type { CachedState, CacheEntry, ChangeHistory, DeviceStateCache } from '../ports.ts'
import { type RejectedValue, SharedStateUnavailable } from '../ports.ts'
import type { Argument, RedisClient } from './client.ts'
import {
  beginScript,
  discardScript,
  findScript,
  forgetUnknownScript,
  invalidateScript,
  putScript,
  putUnknownScript,
} from './scripts.ts'
import { type Found, readFound, readPosition } from './values.ts'

export interface RedisDeviceStateCacheOptions {
  readonly client: RedisClient
  /** Of the position. */
  readonly key: string
  readonly changes: ChangeHistory
  /** Never the same twice. */
  readonly newGeneration: () => string
  readonly now: () => number
  /** Milliseconds. */
  readonly keepStates: number
  readonly keepUnknown: number
  readonly onRejected: (why: RejectedValue) => void
}

/** Changes at a time that are replayed, or told to Redis. */
const atOnce = 500
/** More than these wait to be told: replaying them from the record is as quick, and needs no memory. */
const mostWaiting = 5_000
/** Milliseconds between two attempts to catch up. */
const pause = 100

interface Invalidation {
  readonly id: string
  readonly sequence: number
  readonly mark: string
}

export class RedisDeviceStateCache implements DeviceStateCache {
  readonly #options: RedisDeviceStateCacheOptions
  /** The last change that this process was told of; undefined: it may have missed some, so nothing counts. */
  #told: number | undefined
  /** The newest change that came while nothing counted. */
  #toldMeanwhile = 0
  /** Grows with each `distrust`: what a catching-up found out before it is worth nothing. */
  #epoch = 0
  #catchingUp = false
  #caughtUpAt = Number.NEGATIVE_INFINITY
  #waiting: Invalidation[] = []
  /** All changes of registrations after this one are in `#waiting`, or under way. */
  #waitingSince = 0
  #flushing: Promise<void> | undefined

  constructor(options: RedisDeviceStateCacheOptions) {
    this.#options = options
    options.client.onConnected(() => this.#catchUpSoon(true))
  }

  async find(hashes: readonly string[]): Promise<readonly (CachedState | 'unknown' | undefined)[]> {
    const { client, key } = this.#options
    const told = this.#told
    const reply = told === undefined ? null : await client.run(findScript, key, [told, ...hashes])
    if (!Array.isArray(reply)) {
      this.#catchUpSoon()
      return hashes.map(() => undefined)
    }
    return hashes.map((hash, index) => this.#checked(hash, reply[2 * index], reply[2 * index + 1]))
  }

  async put({ hash, state, keyExpiresAt, asOf }: CacheEntry): Promise<void> {
    const { keepStates, now, client, key } = this.#options
    const keepKey = keyExpiresAt === undefined ? keepStates : Math.min(keepStates, keyExpiresAt - now())
    if (keepKey <= 0) return
    const { version, registration } = state
    const ends = keyExpiresAt ?? ''
    const json = JSON.stringify(state satisfies DeviceState)
    const entry = [asOf, hash, registration.id, version, ends, json, keepStates, Math.ceil(keepKey)]
    await client.run(putScript, key, entry)
  }

  async putUnknown(hashes: readonly string[], asOf: number): Promise<void> {
    if (hashes.length === 0) return
    const { client, key, keepUnknown } = this.#options
    await client.run(putUnknownScript, key, [asOf, keepUnknown, ...hashes])
  }

  async forgetUnknown(hashes: readonly string[], sequence: number): Promise<void> {
    if (hashes.length === 0) return
    const { client, key, keepUnknown } = this.#options
    await client.run(forgetUnknownScript, key, [sequence, keepUnknown, ...hashes])
  }

  async invalidate(id: string, sequence: number, mark: string): Promise<void> {
    if (this.#told === undefined) {
      // Catching up replays it from the record.
      this.#toldMeanwhile = Math.max(this.#toldMeanwhile, sequence)
      return
    }
    if (this.#waiting.length === 0 && this.#flushing === undefined) this.#waitingSince = this.#told
    this.#told = Math.max(this.#told, sequence)
    this.#waiting.push({ id, sequence, mark })
    if (this.#waiting.length > mostWaiting) this.distrust()
    await this.#flush()
  }

  distrust(): void {
    this.#epoch++
    this.#told = undefined
    this.#toldMeanwhile = 0
    this.#waiting = []
    this.#catchUpSoon(true)
  }

  /** Many changes at once become a few calls. */
  async #flush(): Promise<void> {
    this.#flushing ??= Promise.resolve()
      .then(() => this.#tellAll())
      .finally(() => {
        this.#flushing = undefined
        if (this.#told === undefined) this.#catchUpSoon(true)
      })
    await this.#flushing
    // What came when it had just ended.
    if (this.#waiting.length > 0) await this.#flush()
  }

  async #tellAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, atOnce)
      const last = batch.at(-1)
      if (last === undefined) return
      const after = this.#waitingSince
      this.#waitingSince = last.sequence
      await this.#tell(batch, after, last)
    }
  }

  async #tell(
    batch: readonly Pick<Invalidation, 'id' | 'sequence'>[],
    after: number,
    upTo: Pick<Invalidation, 'sequence' | 'mark'>,
  ): Promise<unknown> {
    const { client, key, keepStates } = this.#options
    const pairs = batch.flatMap(({ id, sequence }): Argument[] => [id, sequence])
    return client.run(invalidateScript, key, [after, upTo.sequence, upTo.mark, keepStates, ...pairs])
  }

  #checked(hash: string, pointer: unknown, state: unknown): CachedState | 'unknown' | undefined {
    const found: Found = readFound(pointer, state)
    if (found !== 'malformed' && found !== 'wrong-type') return found
    this.#options.onRejected(found)
    if (found === 'wrong-type') this.#options.client.reportForeignKey()
    else void this.#discard(hash, pointer, state)
    return undefined
  }

  /** Otherwise a state that claims a high version would keep the true one out until it ends. */
  async #discard(hash: string, pointer: unknown, state: unknown): Promise<void> {
    const { client, key } = this.#options
    const id = /^=\d+:\d*:(.+)$/.exec(String(pointer))?.[1]
    try {
      await client.run(discardScript, key, [`k:${hash}`, String(pointer)])
      if (id !== undefined) await client.run(discardScript, key, [`s:${id}`, String(state)])
    } catch (error) {
      if (!(error instanceof SharedStateUnavailable)) throw error
    }
  }

  /** In the background: nobody waits for it, the record is read meanwhile. */
  #catchUpSoon(atOnce = false): void {
    if (this.#catchingUp || this.#flushing !== undefined || !this.#options.client.connected) return
    const now = this.#options.now()
    // The clock may have been set back.
    if (!atOnce && now >= this.#caughtUpAt && now - this.#caughtUpAt < pause) return
    this.#caughtUpAt = now
    this.#catchingUp = true
    const epoch = this.#epoch
    void this.#catchUp()
      .then((sequence) => {
        if (epoch === this.#epoch) this.#told = Math.max(this.#told ?? this.#toldMeanwhile, sequence)
      })
      // Neither Redis nor the record has to answer; the next look or connection tries again.
      .catch(() => {})
      .finally(() => {
        this.#catchingUp = false
        if (epoch !== this.#epoch) this.#catchUpSoon(true)
      })
  }

  /** @returns up to which of the record's changes Redis has been invalidated */
  async #catchUp(): Promise<number> {
    const { client, key, changes } = this.#options
    for (let attempt = 0; attempt < 3; attempt++) {
      // In this order: the position was not ahead of the record when it was read.
      const position = readPosition(
        await client.call('HMGET', key, 'generation', 'sequence', 'since', 'mark'),
      )
      const latest = await changes.latest()
      if (position?.sequence !== undefined && position.sequence <= latest) {
        if (await this.#replay({ sequence: position.sequence, mark: position.mark }, latest)) return latest
      }
      const generation = this.#options.newGeneration()
      const mark = (await this.#markOf(latest)) ?? ''
      const begun = await client.run(beginScript, key, [position?.generation ?? '', generation, latest, mark])
      if (begun === generation) return latest
      // Another process was quicker.
    }
    throw new SharedStateUnavailable('Redis: the position changes under our hands')
  }

  /** @returns whether the record is still the one that the position was of, and still had every change */
  async #replay(from: Pick<Invalidation, 'sequence' | 'mark'>, latest: number): Promise<boolean> {
    if ((await this.#markOf(from.sequence)) !== from.mark) return false
    let at = from.sequence
    while (at < latest) {
      const batch = await this.#options.changes.since(at, atOnce)
      const last = batch.at(-1)
      if (last === undefined || batch[0]?.sequence !== at + 1) return false
      const invalidations = batch
        .filter(({ kind }) => kind === 'registration')
        .map(({ subject, sequence }) => ({ id: subject, sequence }))
      await this.#tell(invalidations, at, last)
      at = last.sequence
    }
    return true
  }

  /** Of the record's change with this sequence; empty before the first, undefined when it is gone. */
  async #markOf(sequence: number): Promise<string | undefined> {
    if (sequence === 0) return ''
    const [change] = await this.#options.changes.since(sequence - 1, 1)
    return change?.sequence === sequence ? change.mark : undefined
  }
}

/**
 * Devices, as the gateway sees them on each request: the state of a registered client, out of a bounded hot copy in
 * this process, which change notices keep true (`changes.ts`), else out of the cache that machines share, else out of the
 * record. While the record does not answer, a state that was true a short while ago still counts; nothing else does.
 */
import { LRUCache } from 'lru-cache'
import type { ClientKey } from '../domain/client-identity.ts'
import type { DeviceState } from '../domain/registration.ts'
import type { DeviceStateCache } from '../shared-state/ports.ts'
import type { Change, FoundState, RegistrationReader } from '../store/ports.ts'
import { keySize, sizeOf } from './copy-size.ts'
import { type Lookup, SharedCopies } from './shared-copies.ts'

export interface DeviceStatesDependencies {
  readonly registrations: Pick<RegistrationReader, 'findByKeys'>
  /** Where there is one that machines share. */
  readonly cache?: DeviceStateCache
  /** Called for each look into it. */
  readonly onLookup?: (lookup: Lookup) => void
  /** How many keys are kept hot. */
  readonly hotDevices: number
  /** About how many bytes they may take; no bound when not given. */
  readonly hotMemory?: number
  /** Milliseconds for which a state counts that cannot be read anew. */
  readonly staleFor: () => number
  readonly now: () => number
  /** Milliseconds that only grow: by it copies age, so that setting the clock makes none of them younger or older. */
  readonly monotonic: () => number
}

/** Neither the record nor a copy that is young enough says who this client is: refuse, and let it come back later. */
export class StateUnavailable extends Error {
  constructor(options?: ErrorOptions) {
    super('The state of the device cannot be read', options)
    this.name = 'StateUnavailable'
  }
}

export function createDeviceStates(deps: DeviceStatesDependencies): DeviceStates {
  return new DeviceStates(deps)
}

/** How long a key stays unknown without asking the record again, and how many such keys are remembered. */
const unknownFor = 1000
const unknownKeys = 10_000

/** A copy of one registration's state; each of its keys that was seen points to it. */
interface Copy {
  readonly state: DeviceState
  /** About how many bytes it takes, without its keys. */
  readonly size: number
  /** How many keys point to it. */
  keys: number
  /** Until when it was certainly true, by the monotonic clock; undefined while change notices keep it so. */
  trueUntil: number | undefined
  /** Changed in the record, or replaced: counts no more, whichever key still points to it. */
  dropped: boolean
}

interface Read {
  readonly answer: Promise<DeviceState | undefined>
  /** In which it began. */
  readonly epoch: number
}

interface KnownKey {
  readonly copy: Copy
  readonly expiresAt: number | undefined
}

export class DeviceStates {
  readonly #deps: DeviceStatesDependencies
  readonly #known: LRUCache<string, KnownKey>
  readonly #copies = new Map<string, Copy>()
  readonly #unknown: LRUCache<string, number>
  readonly #shared: SharedCopies | undefined
  readonly #reads = new Map<string, Read>()
  /** Grows with each notice. What a read found that began in an earlier epoch may be out of date. */
  #epoch = 0
  /** The epoch of the last gap: reads from before it are repeated. */
  #gap = 0
  /** The epochs in which registrations were dropped while a read was under way. */
  readonly #dropped = new Map<string, number>()
  /** Below this version what the shared cache says of a registration counts no more. */
  readonly #floors: LRUCache<string, number>
  /** A sequence of the record's changes that every later read sees; undefined when none is known. */
  #asOf: number | undefined
  #bytes = 0

  constructor(deps: DeviceStatesDependencies) {
    this.#deps = deps
    this.#known = new LRUCache({ max: deps.hotDevices, dispose: ({ copy }) => this.#release(copy) })
    this.#unknown = new LRUCache({ max: unknownKeys })
    this.#floors = new LRUCache({ max: unknownKeys })
    const { cache, onLookup } = deps
    this.#shared = cache && new SharedCopies({ cache, ...(onLookup && { onLookup }) })
  }

  /** About how much memory the hot copies take, and how many keys point to them. */
  get hot(): { readonly keys: number; readonly bytes: number } {
    return { keys: this.#known.size, bytes: this.#bytes }
  }

  /**
   * The state of the client that has these keys, strongest first: the first key that is known wins. Synchronous when
   * the hot copy knows.
   * @throws StateUnavailable
   */
  find(keys: readonly ClientKey[]): DeviceState | undefined | Promise<DeviceState | undefined> {
    const now = this.#deps.now()
    for (const key of keys) {
      if (hasEnded(key.expiresAt, now)) continue
      const known = this.#known.get(key.hash)
      if (known !== undefined && !known.copy.dropped && known.copy.trueUntil === undefined) {
        if (hasEnded(known.expiresAt, now)) continue
        return known.copy.state
      }
      const unknownSince = this.#unknown.get(key.hash)
      if (unknownSince === undefined || this.#deps.monotonic() - unknownSince >= unknownFor)
        return this.#read(keys, now)
    }
    return undefined
  }

  /**
   * A registration has changed: what is known of it, and of keys that nobody had, counts no more. From this call on the
   * shared cache is not believed about it either, whether or not it could be told.
   * @param change when it was told by the record's changes; they come in order, and none is left out
   */
  drop(registrationId: string, change?: Pick<Change, 'sequence' | 'mark'>): void {
    this.#newEpoch()
    if (this.#reads.size > 0) this.#dropped.set(registrationId, this.#epoch)
    const copy = this.#copies.get(registrationId)
    if (copy !== undefined) this.#discard(copy)
    if (change === undefined) {
      if (copy !== undefined) this.#floors.set(registrationId, copy.state.version + 1)
      return
    }
    this.seen(change.sequence)
    this.#shared?.invalidate(registrationId, change)
  }

  /** The record's changes were followed up to this one, of whatever kind. */
  seen(sequence: number): void {
    if (this.#asOf === undefined || sequence > this.#asOf) this.#asOf = sequence
  }

  /**
   * Notices may have been missed: every state is read anew. Until the record answers, the copies count for `staleFor`.
   * @param asOf the sequence from which the changes are followed again; undefined while they cannot be
   */
  dropAll(asOf?: number): void {
    this.#newEpoch()
    this.#gap = this.#epoch
    this.#asOf = asOf
    const now = this.#deps.monotonic()
    for (const copy of this.#copies.values()) copy.trueUntil ??= now
    this.#shared?.distrust()
  }

  /** This process has just registered these keys. */
  forgetUnknown(keys: readonly ClientKey[]): void {
    this.#newEpoch()
    for (const key of keys) this.#unknown.delete(key.hash)
  }

  /**
   * This process has just committed this registration with these keys: they are unknown no more, here and on other
   * machines. Never rejects.
   * @returns when the shared cache has been told, or has not answered within its deadline
   */
  async registered(state: DeviceState, keys: readonly ClientKey[]): Promise<void> {
    this.forgetUnknown(keys)
    if (this.#shared === undefined) return
    await this.#shared.forgetUnknown(
      keys.map((key) => key.hash),
      state.version,
    )
  }

  #newEpoch(): void {
    this.#epoch++
    this.#unknown.clear()
  }

  /** Requests that ask for the same keys at the same time share one read, unless a notice came after it had begun. */
  #read(keys: readonly ClientKey[], now: number): Promise<DeviceState | undefined> {
    const hashes = keys.filter((key) => !hasEnded(key.expiresAt, now)).map((key) => key.hash)
    const name = hashes.join()
    const underWay = this.#reads.get(name)
    if (underWay?.epoch === this.#epoch) return underWay.answer
    const answer = this.#ask(hashes, now).finally(() => {
      if (this.#reads.get(name)?.answer === answer) this.#reads.delete(name)
      if (this.#reads.size === 0) this.#dropped.clear()
    })
    this.#reads.set(name, { answer, epoch: this.#epoch })
    return answer
  }

  async #ask(hashes: readonly string[], now: number): Promise<DeviceState | undefined> {
    for (let repeats = 0; ; repeats++) {
      const epoch = this.#epoch
      const began = this.#deps.monotonic()
      const asOf = this.#asOf
      const shared = this.#shared === undefined ? undefined : await this.#fromShared(hashes, now)
      let found = shared === 'unknown' ? undefined : shared
      if (shared === undefined) {
        try {
          found = await this.#deps.registrations.findByKeys(hashes, now)
        } catch (cause) {
          return this.#lastKnown(hashes, cause)
        }
      }
      // What was read may be what a notice has just announced to be over: it is read again.
      if (this.#isOvertaken(found, epoch, repeats)) continue
      if (shared === undefined && asOf !== undefined) this.#shared?.keep(hashes, found, asOf)
      return this.#keep(hashes, found, epoch === this.#epoch ? began : undefined)
    }
  }

  async #fromShared(hashes: readonly string[], now: number): Promise<FoundState | 'unknown' | undefined> {
    const found = await this.#shared?.find(hashes, now)
    if (found === undefined || found === 'unknown') return found
    const { registration, version } = found.state
    return version < (this.#floors.get(registration.id) ?? 0) ? undefined : found
  }

  /**
   * A state that was dropped, or may have been, is never given. A key that was unknown when the read began may well be
   * told so: who asks later has a read of its own. Otherwise a stream of changes would keep it from ever being told.
   */
  #isOvertaken(found: FoundState | undefined, epoch: number, repeats: number): boolean {
    if (epoch === this.#epoch) return false
    if (this.#gap > epoch) return true
    if (found === undefined) return repeats < 2
    return (this.#dropped.get(found.state.registration.id) ?? 0) > epoch
  }

  /**
   * A state is kept under the key that found it; the stronger ones are unknown.
   * @param unknownSince undefined: they are not known to be unknown now
   */
  #keep(
    hashes: readonly string[],
    found: FoundState | undefined,
    unknownSince: number | undefined,
  ): DeviceState | undefined {
    for (const hash of hashes) {
      if (hash === found?.keyHash) break
      this.#known.delete(hash)
      if (unknownSince !== undefined) this.#unknown.set(hash, unknownSince)
    }
    if (found === undefined) return undefined
    const copy = this.#copyOf(found.state)
    copy.keys++
    this.#bytes += keySize
    this.#known.set(found.keyHash, { copy, expiresAt: found.keyExpiresAt })
    this.#fitIntoMemory()
    return copy.state
  }

  /** The one that was used last stays, whatever its size. */
  #fitIntoMemory(): void {
    const limit = this.#deps.hotMemory ?? Number.POSITIVE_INFINITY
    while (this.#bytes > limit && this.#known.size > 1) this.#known.pop()
  }

  /** Of two states the one with the higher version, so that a slow read cannot put back an older one. */
  #copyOf(state: DeviceState): Copy {
    const { id } = state.registration
    const present = this.#copies.get(id)
    if (present !== undefined) {
      if (present.trueUntil === undefined && present.state.version >= state.version) return present
      this.#discard(present)
    }
    const copy: Copy = { state, size: sizeOf(state), keys: 0, trueUntil: undefined, dropped: false }
    this.#copies.set(id, copy)
    this.#bytes += copy.size
    return copy
  }

  #discard(copy: Copy): void {
    copy.dropped = true
    this.#copies.delete(copy.state.registration.id)
  }

  #release(copy: Copy): void {
    copy.keys--
    this.#bytes -= keySize
    if (copy.keys > 0) return
    this.#bytes -= copy.size
    if (!copy.dropped) this.#discard(copy)
  }

  #lastKnown(hashes: readonly string[], cause: unknown): DeviceState {
    const now = this.#deps.now()
    const present = this.#deps.monotonic()
    const oldest = present - this.#deps.staleFor()
    for (const hash of hashes) {
      const known = this.#known.get(hash)
      if (known === undefined || known.copy.dropped || hasEnded(known.expiresAt, now)) continue
      if ((known.copy.trueUntil ?? present) >= oldest) return known.copy.state
    }
    throw new StateUnavailable({ cause })
  }
}

function hasEnded(expiresAt: number | undefined, now: number): boolean {
  return expiresAt !== undefined && expiresAt <= now
}

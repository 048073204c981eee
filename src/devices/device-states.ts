/**
 * Devices, as the gateway sees them on each request: the state of a registered client, out of a bounded hot copy in
 * this process, which change notices keep true (`changes.ts`), else out of the record. While the record does not
 * answer, a state that was true a short while ago still counts; nothing else does.
 */
import { LRUCache } from 'lru-cache'
import type { ClientKey } from '../domain/client-identity.ts'
import type { DeviceState } from '../domain/registration.ts'
import type { FoundState, RegistrationReader } from '../store/ports.ts'

export interface DeviceStatesDependencies {
  readonly registrations: Pick<RegistrationReader, 'findByKeys'>
  /** How many keys are kept hot. */
  readonly hotDevices: number
  /** Milliseconds for which a state counts that cannot be read anew. */
  readonly staleFor: () => number
  readonly now: () => number
  /** Called when the record stops answering and when it answers again. */
  readonly onCondition?: (ok: boolean, detail?: string) => void
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
  /** How many keys point to it. */
  keys: number
  /** Until when it was certainly true; undefined while change notices keep it so. */
  trueUntil: number | undefined
  /** Changed in the record, or replaced: counts no more, whichever key still points to it. */
  dropped: boolean
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
  readonly #reads = new Map<string, Promise<DeviceState | undefined>>()
  /** Grows with each notice. A read that began in an earlier epoch may be out of date: it is repeated. */
  #epoch = 0
  #answering = true

  constructor(deps: DeviceStatesDependencies) {
    this.#deps = deps
    this.#known = new LRUCache({ max: deps.hotDevices, dispose: ({ copy }) => this.#release(copy) })
    this.#unknown = new LRUCache({ max: unknownKeys })
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
      if (unknownSince === undefined || now - unknownSince >= unknownFor) return this.#read(keys, now)
    }
    return undefined
  }

  /** A registration has changed: what is known of it, and of keys that nobody had, counts no more. */
  drop(registrationId: string): void {
    this.#newEpoch()
    const copy = this.#copies.get(registrationId)
    if (copy !== undefined) this.#discard(copy)
  }

  /** Notices may have been missed: every state is read anew. Until the record answers, the copies count for `staleFor`. */
  dropAll(): void {
    this.#newEpoch()
    const now = this.#deps.now()
    for (const copy of this.#copies.values()) copy.trueUntil ??= now
  }

  /** This process has just registered these keys. */
  forgetUnknown(keys: readonly ClientKey[]): void {
    this.#newEpoch()
    for (const key of keys) this.#unknown.delete(key.hash)
  }

  #newEpoch(): void {
    this.#epoch++
    this.#unknown.clear()
  }

  /** Requests that ask for the same keys at the same time share one read, which no notice may have overtaken. */
  #read(keys: readonly ClientKey[], now: number): Promise<DeviceState | undefined> {
    const hashes = keys.filter((key) => !hasEnded(key.expiresAt, now)).map((key) => key.hash)
    const name = hashes.join()
    const underWay = this.#reads.get(name)
    if (underWay !== undefined) return underWay
    const read = this.#ask(hashes, now).finally(() => {
      this.#reads.delete(name)
    })
    this.#reads.set(name, read)
    return read
  }

  async #ask(hashes: readonly string[], now: number): Promise<DeviceState | undefined> {
    const epoch = this.#epoch
    let found: FoundState | undefined
    try {
      found = await this.#deps.registrations.findByKeys(hashes, now)
    } catch (cause) {
      this.#report(false, cause instanceof Error ? cause.message : String(cause))
      return this.#lastKnown(hashes, cause)
    }
    this.#report(true)
    // What was read may be what a notice has just announced to be over: it is read again.
    return epoch === this.#epoch ? this.#keep(hashes, found, now) : this.#ask(hashes, now)
  }

  /** A state is kept under the key that found it; the stronger ones are unknown. */
  #keep(hashes: readonly string[], found: FoundState | undefined, now: number): DeviceState | undefined {
    for (const hash of hashes) {
      if (hash === found?.keyHash) break
      this.#known.delete(hash)
      this.#unknown.set(hash, now)
    }
    if (found === undefined) return undefined
    const copy = this.#copyOf(found.state)
    copy.keys++
    this.#known.set(found.keyHash, { copy, expiresAt: found.keyExpiresAt })
    return copy.state
  }

  /** Of two states the one with the higher version, so that a slow read cannot put back an older one. */
  #copyOf(state: DeviceState): Copy {
    const { id } = state.registration
    const present = this.#copies.get(id)
    if (present !== undefined) {
      if (present.trueUntil === undefined && present.state.version >= state.version) return present
      this.#discard(present)
    }
    const copy: Copy = { state, keys: 0, trueUntil: undefined, dropped: false }
    this.#copies.set(id, copy)
    return copy
  }

  #discard(copy: Copy): void {
    copy.dropped = true
    this.#copies.delete(copy.state.registration.id)
  }

  #release(copy: Copy): void {
    copy.keys--
    if (copy.keys === 0 && !copy.dropped) this.#discard(copy)
  }

  #lastKnown(hashes: readonly string[], cause: unknown): DeviceState {
    const now = this.#deps.now()
    const oldest = now - this.#deps.staleFor()
    for (const hash of hashes) {
      const known = this.#known.get(hash)
      if (known === undefined || known.copy.dropped || hasEnded(known.expiresAt, now)) continue
      if ((known.copy.trueUntil ?? now) >= oldest) return known.copy.state
    }
    throw new StateUnavailable({ cause })
  }

  #report(ok: boolean, detail?: string): void {
    if (ok === this.#answering) return
    this.#answering = ok
    this.#deps.onCondition?.(ok, detail)
  }
}

function hasEnded(expiresAt: number | undefined, now: number): boolean {
  return expiresAt !== undefined && expiresAt <= now
}

import { type DeviceStateCache, SharedStateUnavailable } from '../shared-state/ports.ts'
import type { Change, FoundState } from '../store/ports.ts'

/** What a look into the shared cache gave; `unavailable`: it did not answer, also when something was to be written. */
export type Lookup = 'hit' | 'unknown' | 'miss' | 'unavailable'

export interface SharedCopiesOptions {
  readonly cache: DeviceStateCache
  /** Called for each look, to be counted. */
  readonly onLookup?: (lookup: Lookup) => void
}

/**
 * The shared cache as devices use it: a help, never a condition. When it does not answer, nothing is known; what is
 * written to it nobody waits for.
 */
export class SharedCopies {
  readonly #cache: DeviceStateCache
  readonly #onLookup: (lookup: Lookup) => void

  constructor({ cache, onLookup = () => {} }: SharedCopiesOptions) {
    this.#cache = cache
    this.#onLookup = onLookup
  }

  /** The first key that is known wins, if all before it are certainly unknown. Undefined: the record has to say it. */
  async find(hashes: readonly string[], now: number): Promise<FoundState | 'unknown' | undefined> {
    let found: FoundState | 'unknown' | undefined
    try {
      found = firstKnown(hashes, await this.#cache.find(hashes), now)
    } catch (error) {
      if (!(error instanceof SharedStateUnavailable)) throw error
      this.#onLookup('unavailable')
      return undefined
    }
    this.#onLookup(found === undefined ? 'miss' : found === 'unknown' ? 'unknown' : 'hit')
    return found
  }

  /** What the record gave, as of a sequence that it certainly saw: the key that was found, the stronger ones unknown. */
  keep(hashes: readonly string[], found: FoundState | undefined, asOf: number): void {
    const position = found === undefined ? hashes.length : hashes.indexOf(found.keyHash)
    if (position > 0) this.#tell(this.#cache.putUnknown(hashes.slice(0, position), asOf))
    if (found === undefined) return
    const { keyHash: hash, ...state } = found
    this.#tell(this.#cache.put({ hash, ...state, asOf }))
  }

  invalidate(registrationId: string, { sequence, mark }: Pick<Change, 'sequence' | 'mark'>): void {
    this.#tell(this.#cache.invalidate(registrationId, sequence, mark))
  }

  distrust(): void {
    this.#cache.distrust()
  }

  /** Never rejects. Done when the cache knows, or does not answer within its deadline. */
  async forgetUnknown(hashes: readonly string[], sequence: number): Promise<void> {
    await this.#cache.forgetUnknown(hashes, sequence).catch(() => this.#onLookup('unavailable'))
  }

  #tell(call: Promise<void>): void {
    void call.catch(() => this.#onLookup('unavailable'))
  }
}

function firstKnown(
  hashes: readonly string[],
  entries: Awaited<ReturnType<DeviceStateCache['find']>>,
  now: number,
): FoundState | 'unknown' | undefined {
  for (const [index, keyHash] of hashes.entries()) {
    const entry = entries[index]
    if (entry === undefined) return undefined
    if (entry === 'unknown' || (entry.keyExpiresAt !== undefined && entry.keyExpiresAt <= now)) continue
    return { ...entry, keyHash }
  }
  return 'unknown'
}

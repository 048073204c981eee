import { LRUCache } from 'lru-cache'
import { vendorSeenAt } from '../policy/vendor-seen.ts'
import type { DeviceLinks } from '../store/ports.ts'
import type { Assessment } from './assess.ts'

export interface FreshNewsOptions {
  readonly links: Pick<DeviceLinks, 'requestRefresh'>
  readonly now: () => number
  readonly onError: (error: unknown) => void
}

/** Younger news would say the same. Milliseconds; also between two requests for the same registration. */
const youngEnough = 60_000
/** The budget of this process: so many in a minute, however many are refused. */
const perMinute = 120

/**
 * A registered device that is refused may only be known badly: its MDM said something a while ago. The compliance role
 * then asks the vendor for just this device, so that the next try knows better. They meet in the record.
 */
export class FreshNews {
  readonly #options: FreshNewsOptions
  readonly #asked = new LRUCache<string, number>({ max: 10_000 })
  #minute = 0
  #spent = 0

  constructor(options: FreshNewsOptions) {
    this.#options = options
  }

  /** Never waits, never fails. */
  want({ state, facts }: Assessment): void {
    if (state?.posture.device === undefined || state.block !== undefined) return
    const now = this.#options.now()
    const seenAt = vendorSeenAt(state, facts)
    if (seenAt !== undefined && now - seenAt < youngEnough) return
    const { id } = state.registration
    if (now - (this.#asked.get(id) ?? 0) < youngEnough || !this.#spend(now)) return
    this.#asked.set(id, now)
    this.#options.links.requestRefresh(id, now).catch(this.#options.onError)
  }

  #spend(now: number): boolean {
    const minute = Math.floor(now / 60_000)
    if (minute !== this.#minute) this.#spent = 0
    this.#minute = minute
    return this.#spent++ < perMinute
  }
}

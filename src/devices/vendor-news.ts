import type { VendorSweeps } from '../store/ports.ts'

/**
 * How old the news of each MDM vendor are: when its last complete sweep began. It goes with each decision
 * (`RequestFacts.vendorSeen`), so that a vendor that goes on saying the same of 100,000 devices costs no write for any of them.
 */
export class VendorNews {
  #seen: Readonly<Record<string, number>> | undefined
  readonly #sweeps: Pick<VendorSweeps, 'lastComplete'>

  constructor(sweeps: Pick<VendorSweeps, 'lastComplete'>) {
    this.#sweeps = sweeps
  }

  /** Reads the record anew; what was known stays when it cannot be read, and grows old by itself. */
  async refresh(): Promise<void> {
    const swept = await this.#sweeps.lastComplete()
    this.#seen = swept.size === 0 ? undefined : Object.fromEntries(swept)
  }

  /** One object for all requests. Undefined: no vendor has ever been read. */
  seen(): Readonly<Record<string, number>> | undefined {
    return this.#seen
  }
}

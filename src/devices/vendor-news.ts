import type { VendorSweeps } from '../store/ports.ts'
import { RecordCopy, type RecordCopyOptions } from './record-copy.ts'

export interface VendorNewsOptions extends RecordCopyOptions {
  readonly sweeps: Pick<VendorSweeps, 'lastComplete'>
}

/**
 * How old the news of each MDM vendor are: when its last complete sweep began. It goes with each decision
 * (`RequestFacts.vendorSeen`), so that a vendor that goes on saying the same of 100,000 devices costs no write for any of them.
 * What was known stays when it cannot be read, and grows old by itself.
 */
export class VendorNews extends RecordCopy {
  protected readonly part = 'The age of the vendors’ news'
  #seen: Readonly<Record<string, number>> | undefined
  readonly #sweeps: Pick<VendorSweeps, 'lastComplete'>

  constructor(options: VendorNewsOptions) {
    super(options)
    this.#sweeps = options.sweeps
  }

  /** One object for all requests. Undefined: no vendor has ever been read. */
  seen(): Readonly<Record<string, number>> | undefined {
    return this.#seen
  }

  protected async read(): Promise<void> {
    const swept = await this.#sweeps.lastComplete()
    this.#seen = swept.size === 0 ? undefined : Object.fromEntries(swept)
  }
}

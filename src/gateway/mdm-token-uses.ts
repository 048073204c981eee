import { PacedWrites } from '../lib/paced-writes.ts'
import type { MdmTokenWriter } from '../store/ports.ts'

export interface MdmTokenUsesOptions {
  readonly tokens: Pick<MdmTokenWriter, 'used'>
  readonly now: () => number
  readonly onError: (error: unknown) => void
}

/** Milliseconds from one write to the next: no sign-in costs one. */
const writeEvery = 60_000

/**
 * Who still uses the old token? Counts how often each was shown and when last, and writes that down once a minute. What the
 * record does not take is kept for the next minute.
 */
export class MdmTokenUses {
  #counted = new Map<string, { uses: number; lastUsedAt: number }>()
  readonly #writes: PacedWrites
  readonly #options: MdmTokenUsesOptions

  constructor(options: MdmTokenUsesOptions) {
    this.#options = options
    this.#writes = new PacedWrites({ write: () => this.#write(), every: writeEvery, now: options.now })
  }

  use(id: string): void {
    this.#keep(id, { uses: 1, lastUsedAt: this.#options.now() })
    this.#writes.want()
  }

  /** Never rejects. */
  flush(): Promise<void> {
    return this.#writes.flush()
  }

  close(): Promise<void> {
    return this.flush()
  }

  async #write(): Promise<void> {
    if (this.#counted.size === 0) return
    const counted = this.#counted
    this.#counted = new Map()
    try {
      await this.#options.tokens.used([...counted].map(([id, use]) => ({ id, ...use })))
    } catch (error) {
      this.#options.onError(error)
      for (const [id, use] of counted) this.#keep(id, use)
      this.#writes.want()
    }
  }

  #keep(id: string, { uses, lastUsedAt }: { readonly uses: number; readonly lastUsedAt: number }): void {
    const counted = this.#counted.get(id)
    if (counted === undefined) this.#counted.set(id, { uses, lastUsedAt })
    else {
      counted.uses += uses
      counted.lastUsedAt = Math.max(counted.lastUsedAt, lastUsedAt)
    }
  }
}

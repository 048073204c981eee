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
  #timer: NodeJS.Timeout | undefined
  #wroteAt = Number.NEGATIVE_INFINITY
  readonly #options: MdmTokenUsesOptions

  constructor(options: MdmTokenUsesOptions) {
    this.#options = options
  }

  /** The first use after a quiet minute is written at once, so that a trial shows. */
  use(id: string): void {
    const now = this.#options.now()
    const counted = this.#counted.get(id)
    if (counted === undefined) this.#counted.set(id, { uses: 1, lastUsedAt: now })
    else {
      counted.uses++
      counted.lastUsedAt = now
    }
    this.#awaitWrite(now)
  }

  /** Never rejects. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#counted.size === 0) return
    const counted = this.#counted
    this.#counted = new Map()
    this.#wroteAt = this.#options.now()
    try {
      await this.#options.tokens.used([...counted].map(([id, use]) => ({ id, ...use })))
    } catch (error) {
      this.#options.onError(error)
      for (const [id, { uses, lastUsedAt }] of counted) this.#keep(id, uses, lastUsedAt)
      this.#awaitWrite(this.#wroteAt)
    }
  }

  close(): Promise<void> {
    return this.flush()
  }

  #awaitWrite(now: number): void {
    if (this.#timer !== undefined) return
    const wait = Math.min(Math.max(this.#wroteAt + writeEvery - now, 0), writeEvery)
    this.#timer = setTimeout(() => void this.flush(), wait).unref()
  }

  #keep(id: string, uses: number, lastUsedAt: number): void {
    const since = this.#counted.get(id)
    this.#counted.set(id, {
      uses: uses + (since?.uses ?? 0),
      lastUsedAt: Math.max(lastUsedAt, since?.lastUsedAt ?? 0),
    })
  }
}

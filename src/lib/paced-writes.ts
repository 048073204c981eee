export interface PacedWritesOptions {
  /** Writes what has gathered, if anything has. Never rejects. */
  readonly write: () => Promise<void>
  /** Milliseconds from one write to the next. */
  readonly every: number
  readonly now: () => number
}

/** What gathers is written together: at once after a quiet time, so that a trial shows, and then at most once in `every`. */
export class PacedWrites {
  #timer: NodeJS.Timeout | undefined
  #wroteAt = Number.NEGATIVE_INFINITY
  readonly #options: PacedWritesOptions

  constructor(options: PacedWritesOptions) {
    this.#options = options
  }

  /** Something has gathered. */
  want(): void {
    if (this.#timer !== undefined) return
    const { every, now } = this.#options
    const wait = Math.min(Math.max(this.#wroteAt + every - now(), 0), every)
    this.#timer = setTimeout(() => void this.flush(), wait).unref()
  }

  flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#wroteAt = this.#options.now()
    return this.#options.write()
  }
}

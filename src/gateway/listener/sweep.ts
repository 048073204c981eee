/** What has a time to be done by, and is told when it was not. */
export interface Expiring {
  /** In the sweep's own clock; infinite while nothing is waited for. */
  readonly deadline: number
  expire(): void
}

/**
 * One coarse clock and one timer for all connections of a listener: a deadline costs its connection the writing of a
 * number, where timers would have to be armed and disarmed several times for each request. Deadlines are met late by
 * up to two intervals, never early.
 */
export class Sweep {
  /** Milliseconds on a clock that never jumps, as of the last sweep. */
  now = performance.now()
  readonly #entries = new Set<Expiring>()
  readonly #interval: number
  readonly #timer: NodeJS.Timeout

  /** @param shortest the shortest of the times that are to be watched, in milliseconds */
  constructor(shortest: number) {
    this.#interval = Math.max(10, Math.min(500, shortest / 4))
    this.#timer = setInterval(() => this.#sweep(), this.#interval)
    this.#timer.unref()
  }

  add(entry: Expiring): void {
    this.#entries.add(entry)
  }

  delete(entry: Expiring): void {
    this.#entries.delete(entry)
  }

  /** @param ms from now on; the clock may have stood for an interval */
  deadline(ms: number): number {
    return this.now + this.#interval + ms
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #sweep(): void {
    this.now = performance.now()
    for (const entry of this.#entries) if (entry.deadline <= this.now) entry.expire()
  }
}

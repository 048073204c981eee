/** A bucket that fills evenly: a change for very many goes out at the pace, and the first minute's worth at once. */
export class Pace {
  readonly #perMinute: number
  readonly #now: () => number
  #allowance: number
  #refilled: number

  constructor(perMinute: number, now: () => number) {
    this.#perMinute = perMinute
    this.#now = now
    this.#allowance = perMinute
    this.#refilled = now()
  }

  /** May something be sent now? */
  get open(): boolean {
    const at = this.#now()
    const earned = (Math.max(at - this.#refilled, 0) * this.#perMinute) / 60_000
    this.#allowance = Math.min(this.#allowance + earned, this.#perMinute)
    this.#refilled = at
    return this.#allowance >= 1
  }

  /** Milliseconds in which one more may be sent. */
  get interval(): number {
    return Math.ceil(60_000 / this.#perMinute)
  }

  /** Something was sent. What belongs together is sent together, so that it may be more than was allowed. */
  take(): void {
    this.#allowance -= 1
  }
}

/**
 * Passive health of one upstream: what exchanges met, no probes. Consecutive failures (no connection, an answer that
 * is not HTTP) put it aside for a time that grows; then one exchange tries it again.
 */
export interface HealthEvent {
  readonly service: string
  readonly upstream: string
  readonly healthy: boolean
  readonly failures: number
  /** Milliseconds since the epoch: when it is tried again. */
  readonly retryAt?: number
}

const failuresToEject = 2
const firstEjection = 1000
const longestEjection = 60_000

export class UpstreamHealth {
  failures = 0
  retryAt: number | undefined
  /** When `retryAt` was set: a clock that says less was set back, and must not set anything aside for as long as it was ahead. */
  #setAt = 0

  get healthy(): boolean {
    return this.retryAt === undefined
  }

  /** May an exchange be sent there now? When its time aside is over, yes, to one: the next ones wait for its result. */
  usable(now: number): boolean {
    return this.retryAt === undefined || now >= this.retryAt || now < this.#setAt
  }

  /** An exchange tries an upstream that was set aside. */
  probing(now: number, patience: number): void {
    if (this.retryAt !== undefined) this.#aside(now, patience)
  }

  /** @returns whether this changed its standing */
  succeeded(): boolean {
    const changed = this.retryAt !== undefined
    this.failures = 0
    this.retryAt = undefined
    return changed
  }

  /** @param random from 0 to 1: jitter keeps several gateways from coming back at the same moment */
  failed(now: number, random: number): boolean {
    this.failures += 1
    if (this.failures < failuresToEject) return false
    const doublings = Math.min(this.failures - failuresToEject, 10)
    const time = Math.min(firstEjection * 2 ** doublings, longestEjection)
    const changed = this.retryAt === undefined
    this.#aside(now, time * (0.75 + random / 2))
    return changed
  }

  #aside(now: number, time: number): void {
    this.#setAt = now
    this.retryAt = now + time
  }
}

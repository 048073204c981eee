/**
 * Keeps calls away from something that does not answer. Closed, every call goes through; after `failures` in a row it
 * opens, and calls fail at once instead of piling up; every `retryAfterMs` one single call goes through as a probe, and
 * the first probe that succeeds closes it again.
 */
export interface Breaker {
  /** True while calls are refused, but for the probes. */
  readonly open: boolean
  /** May a call go now? @returns what to report its outcome with, or undefined: it has failed already */
  admit(): Ticket | undefined
  succeeded(ticket: Ticket): void
  failed(ticket: Ticket): void
}

/** Of calls that began before the breaker last opened or closed, the outcome says nothing any more. */
export type Ticket = number

export interface BreakerOptions {
  /** So many in a row open it. */
  readonly failures: number
  readonly retryAfterMs: number
  /** Milliseconds of a clock that never goes back, such as `performance.now`. */
  readonly now: () => number
  /** Called when it opens and when it closes, not for each call. */
  readonly onChange?: (open: boolean) => void
}

export function createBreaker({ failures, retryAfterMs, now, onChange }: BreakerOptions): Breaker {
  let open = false
  let era: Ticket = 1
  let inARow = 0
  let nextProbe = 0

  function turn(to: boolean): void {
    open = to
    era++
    inARow = 0
    onChange?.(to)
  }

  return {
    get open() {
      return open
    },
    admit() {
      if (!open) return era
      const at = now()
      if (at < nextProbe) return undefined
      // A probe that is never heard of again does not keep the next one from being tried.
      nextProbe = at + retryAfterMs
      return ++era
    },
    succeeded(ticket) {
      if (ticket !== era) return
      if (open) turn(false)
      else inARow = 0
    },
    failed(ticket) {
      if (ticket !== era) return
      if (open) {
        nextProbe = now() + retryAfterMs
        return
      }
      if (++inARow < failures) return
      nextProbe = now() + retryAfterMs
      turn(true)
    },
  }
}

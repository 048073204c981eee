import type { Bypass, Bypasses } from '../store/ports.ts'

export interface ActiveBypassesOptions {
  readonly bypasses: Pick<Bypasses, 'active'>
  readonly now: () => number
  /** Called when a bypass has reached its end: what only it let through must go. */
  readonly onEnd?: () => void
}

/** The services that an administrator lets through for now, as this process knows them. */
export class ActiveBypasses {
  #until = new Map<string, number>()
  #timer: NodeJS.Timeout | undefined
  readonly #options: ActiveBypassesOptions

  constructor(options: ActiveBypassesOptions) {
    this.#options = options
  }

  /** Reads the record anew; what it held before stays when the record cannot be read, and ends by itself. */
  async refresh(): Promise<readonly Bypass[]> {
    const active = await this.#options.bypasses.active(this.#options.now())
    this.#until = new Map(active.map(({ service, until }) => [service, until]))
    this.#awaitEnd()
    return active
  }

  until(service: string): number | undefined {
    if (this.#until.size === 0) return undefined
    const until = this.#until.get(service)
    return until !== undefined && until > this.#options.now() ? until : undefined
  }

  services(): readonly string[] {
    return [...this.#until.keys()].filter((service) => this.until(service) !== undefined)
  }

  close(): void {
    clearTimeout(this.#timer)
  }

  #awaitEnd(): void {
    clearTimeout(this.#timer)
    const now = this.#options.now()
    const ends = [...this.#until.values()].filter((until) => until > now)
    if (ends.length === 0) return
    const wait = Math.min(Math.min(...ends) - now, longestTimer)
    this.#timer = setTimeout(() => this.#reachEnd(), wait).unref()
  }

  #reachEnd(): void {
    const { onEnd, now } = this.#options
    const time = now()
    const over = [...this.#until.values()].some((until) => until <= time)
    for (const [service, until] of this.#until) if (until <= time) this.#until.delete(service)
    this.#awaitEnd()
    if (over) onEnd?.()
  }
}

/** What `setTimeout` can hold. */
const longestTimer = 2 ** 31 - 1

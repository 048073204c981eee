import type { Bypass, Bypasses } from '../store/ports.ts'

/** The services that an administrator lets through for now, as this process knows them. */
export class ActiveBypasses {
  #until = new Map<string, number>()
  readonly #bypasses: Pick<Bypasses, 'active'>
  readonly #now: () => number

  constructor(bypasses: Pick<Bypasses, 'active'>, now: () => number) {
    this.#bypasses = bypasses
    this.#now = now
  }

  /** Reads the record anew; what it held before stays when the record cannot be read, and ends by itself. */
  async refresh(): Promise<readonly Bypass[]> {
    const active = await this.#bypasses.active(this.#now())
    this.#until = new Map(active.map(({ service, until }) => [service, until]))
    return active
  }

  until(service: string): number | undefined {
    if (this.#until.size === 0) return undefined
    const until = this.#until.get(service)
    return until !== undefined && until > this.#now() ? until : undefined
  }
}

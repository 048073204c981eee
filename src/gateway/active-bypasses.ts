import { RecordCopy, type RecordCopyOptions } from '../devices/record-copy.ts'
import type { Bypasses } from '../store/ports.ts'

/** By its monotonic clock: one that is set back makes no bypass longer. */
export interface ActiveBypassesOptions extends RecordCopyOptions {
  readonly bypasses: Pick<Bypasses, 'active'>
  readonly now: () => number
  /** Called when a bypass has reached its end, or was ended: what only it let through must go. */
  readonly onEnd?: () => void
}

interface Active {
  readonly until: number
  /** By the monotonic clock: as long as it was to last when this process heard of it, whatever the clock says later. */
  readonly endsBy: number
  /** Once ended it stays so. */
  ended: boolean
}

/**
 * The services that an administrator lets through for now, as this process knows them. What it held before stays when the
 * record cannot be read, and ends by itself.
 */
export class ActiveBypasses extends RecordCopy {
  protected readonly part = 'The bypasses'
  #active = new Map<string, Active>()
  #timer: NodeJS.Timeout | undefined
  readonly #options: ActiveBypassesOptions

  constructor(options: ActiveBypassesOptions) {
    super(options)
    this.#options = options
  }

  until(service: string): number | undefined {
    if (this.#active.size === 0) return undefined
    const active = this.#active.get(service)
    return active === undefined || this.#hasEnded(active) ? undefined : active.until
  }

  services(): readonly string[] {
    return [...this.#active.keys()].filter((service) => this.until(service) !== undefined)
  }

  override close(): void {
    super.close()
    clearTimeout(this.#timer)
  }

  protected async read(): Promise<void> {
    const active = await this.#options.bypasses.active(this.#options.now())
    const before = this.services()
    this.#active = new Map(active.map(({ service, until }) => [service, this.#told(service, until)]))
    this.#awaitEnd()
    if (before.some((service) => !this.#active.has(service))) this.#options.onEnd?.()
  }

  #told(service: string, until: number): Active {
    const before = this.#active.get(service)
    const { now, monotonic } = this.#options
    return before?.until === until ? before : { until, endsBy: monotonic() + until - now(), ended: false }
  }

  #hasEnded({ ended, ...active }: Active): boolean {
    return ended || this.#leftOf(active) <= 0
  }

  #leftOf({ until, endsBy }: Pick<Active, 'until' | 'endsBy'>): number {
    const { now, monotonic } = this.#options
    return Math.min(until - now(), endsBy - monotonic())
  }

  #awaitEnd(): void {
    clearTimeout(this.#timer)
    const left = [...this.#active.values()].filter(({ ended }) => !ended).map((one) => this.#leftOf(one))
    if (left.length === 0) return
    this.#timer = setTimeout(
      () => this.#reachEnd(),
      Math.min(Math.max(Math.min(...left), 0), longestTimer),
    ).unref()
  }

  #reachEnd(): void {
    const over = [...this.#active.values()].filter((one) => !one.ended && this.#hasEnded(one))
    for (const one of over) one.ended = true
    this.#awaitEnd()
    if (over.length > 0) this.#options.onEnd?.()
  }
}

/** What `setTimeout` can hold. */
const longestTimer = 2 ** 31 - 1

import type { VendorError } from './connectors/connector.ts'
import { LatestWord } from './latest-word.ts'
import { asVendorError, lookUp, News, type PollDependencies, type SweepOutcome, sweep } from './sweep.ts'

export type PollKind = 'sweep' | 'changes' | 'noncompliant' | 'lookup'

export interface PollEvent {
  readonly kind: PollKind
  /** Milliseconds. */
  readonly took: number
  readonly outcome?: SweepOutcome
  readonly error?: VendorError
}

export interface PollerOptions extends Omit<PollDependencies, 'latest' | 'onDoubt'> {
  /** Milliseconds between the beginnings of two sweeps. */
  readonly interval: number
  /** Milliseconds between two looks at what has changed, and at what is out of compliance. */
  readonly askAgain: number
  /** 0 ≤ x < 1. */
  readonly random: () => number
  /** Rejects when the signal is aborted. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>
  readonly onPoll: (event: PollEvent) => void
}

/** So many devices are asked for one by one in one turn. */
const perTurn = 50
/** Clocks differ, and vendors index late. */
const overlap = 600_000

/**
 * Asks one vendor: full sweeps that make the record right, and quick looks that make it fast. Lists follow one another; single
 * devices are asked for beside a sweep too, which takes minutes, while somebody waits whose phone is mended. Whatever goes
 * wrong keeps what was known.
 */
export class Poller {
  readonly #options: PollerOptions
  readonly #latest = new LatestWord()
  /** Devices that out of turn somebody wants to know of, with the registrations that wait for it. */
  #wanted = new Map<string, string | undefined>()
  #wakeLooks: (() => void) | undefined
  #wakeSweeps: (() => void) | undefined
  #sweepNow = false
  #sweeping = false
  /** The list that is read between two sweeps. */
  #listing: Promise<void> = Promise.resolve()
  #askedUpTo: string | undefined
  #changesSince: number | undefined
  /** Sweeps in a row for which the vendor refused our credentials: more tries would lock the account. */
  #refused = 0

  constructor(options: PollerOptions) {
    this.#options = options
  }

  get name(): string {
    return this.#options.name
  }

  /** Asks for one device at the next opportunity: a webhook named it, or a client is refused for old news of it. */
  want(vendorDeviceId: string, registrationId?: string): void {
    if (this.#wanted.size >= mostWanted || this.#options.connector.lookup === undefined) return
    this.#wanted.set(vendorDeviceId, registrationId ?? this.#wanted.get(vendorDeviceId))
    this.#wakeLooks?.()
  }

  /** Those of these that are not known yet: before a client of theirs is matched, which would be nobody's. */
  async lookUpNew(vendorDeviceIds: readonly string[], signal: AbortSignal): Promise<void> {
    const { name, record, connector } = this.#options
    if (connector.enrolls !== true) return
    const ids: string[] = []
    for (const id of vendorDeviceIds)
      if ((await record.managedDevices.get(name, id)) === undefined) ids.push(id)
    if (ids.length > 0) await this.#timed('lookup', () => lookUp(this.#deps(), ids, { signal }), signal)
  }

  /** A sweep at the next opportunity. */
  sweepSoon(): void {
    this.#sweepNow = true
    this.#wakeSweeps?.()
  }

  /** Until the signal is aborted; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#sweeps(signal), this.#looks(signal)])
  }

  async #sweeps(signal: AbortSignal): Promise<void> {
    let sweepAt = performance.now()
    while (!signal.aborted) {
      const now = performance.now()
      if (now < sweepAt && !this.#sweepNow) {
        await this.#pause(sweepAt - now, signal, (wake) => {
          this.#wakeSweeps = wake
        })
        continue
      }
      this.#sweepNow = false
      await this.#listing
      const error = await this.sweepOnce(signal)
      this.#refused = error?.code === 'credentials' ? this.#refused + 1 : 0
      sweepAt = now + Math.max(this.#jittered(this.#untilNext()), error?.retryAfter ?? 0)
    }
  }

  #untilNext(): number {
    const { interval } = this.#options
    return this.#refused === 0
      ? interval
      : Math.max(interval, Math.min(longestRefused, interval * 2 ** this.#refused))
  }

  async #looks(signal: AbortSignal): Promise<void> {
    const { askAgain } = this.#options
    let lookAt = performance.now() + askAgain
    while (!signal.aborted) {
      const now = performance.now()
      const refused = this.#refused > 0
      if (this.#wanted.size > 0 && !refused)
        await this.#timed('lookup', () => this.#askWanted(signal), signal)
      else if (now >= lookAt) {
        if (!refused) await this.#look(signal)
        lookAt = performance.now() + this.#jittered(askAgain)
      } else
        await this.#pause(lookAt - now, signal, (wake) => {
          this.#wakeLooks = wake
        })
    }
  }

  /** @returns what went wrong */
  async sweepOnce(signal: AbortSignal): Promise<VendorError | undefined> {
    const began = performance.now()
    const startedAt = this.#options.now()
    this.#sweeping = true
    this.#latest.begin()
    try {
      const outcome = await sweep(this.#deps(), signal)
      if (outcome.error === undefined) this.#changesSince = startedAt - overlap
      const took = performance.now() - began
      this.#options.onPoll({ kind: 'sweep', took, outcome, ...(outcome.error && { error: outcome.error }) })
      return outcome.error
    } catch (cause) {
      if (signal.aborted) return undefined
      const error = asVendorError(cause)
      this.#options.onPoll({ kind: 'sweep', took: performance.now() - began, error })
      return error
    } finally {
      this.#sweeping = false
      this.#latest.end()
    }
  }

  #deps(): PollDependencies {
    return { ...this.#options, latest: this.#latest, onDoubt: (id) => this.want(id) }
  }

  /** What is cheap to ask between two sweeps; each of it only where the vendor can. */
  async #look(signal: AbortSignal): Promise<void> {
    if (!this.#sweeping) {
      this.#listing = this.#lists(signal)
      await this.#listing
    }
    if (this.#options.connector.lookup !== undefined)
      await this.#timed('lookup', () => this.#askNoncompliant(signal), signal)
  }

  /** A sweep reads what they would say. */
  async #lists(signal: AbortSignal): Promise<void> {
    const { connector, now } = this.#options
    const since = this.#changesSince
    if (connector.changes !== undefined && since !== undefined) {
      const startedAt = now()
      const done = await this.#timed(
        'changes',
        () => this.#read(connector.changes!(since, signal), signal),
        signal,
      )
      if (done) this.#changesSince = startedAt - overlap
    }
    if (connector.noncompliant !== undefined)
      await this.#timed('noncompliant', () => this.#read(connector.noncompliant!(signal), signal), signal)
  }

  async #read(pages: AsyncIterable<Parameters<News['keep']>[0]>, signal: AbortSignal): Promise<void> {
    const news = new News(this.#deps())
    try {
      for await (const page of pages) {
        signal.throwIfAborted()
        await news.keep(page)
      }
    } finally {
      if (!signal.aborted) await news.settle()
    }
  }

  /** Those that somebody's client waits for, some in each turn. */
  async #askNoncompliant(signal: AbortSignal): Promise<void> {
    const { name, record } = this.#options
    const ids: string[] = []
    let whole = false
    while (ids.length < perTurn && !whole) {
      const page = await record.managedDevices.toAskAgain(name, this.#askedUpTo, perTurn)
      for (const id of page) {
        const stored = await record.managedDevices.get(name, id)
        const waiting = stored === undefined ? [] : await record.postures.find({ keys: stored.keys })
        if (waiting.length > 0) ids.push(id)
      }
      whole = page.length < perTurn
      this.#askedUpTo = whole ? undefined : page.at(-1)
    }
    if (ids.length > 0) await lookUp(this.#deps(), ids, { signal })
  }

  async #askWanted(signal: AbortSignal): Promise<void> {
    const wanted = [...this.#wanted].slice(0, perTurn)
    for (const [id] of wanted) this.#wanted.delete(id)
    const refreshed = new Set(wanted.flatMap(([, registration]) => registration ?? []))
    await lookUp(
      this.#deps(),
      wanted.map(([id]) => id),
      { signal, refreshed },
    )
  }

  async #timed(kind: PollKind, work: () => Promise<unknown>, signal: AbortSignal): Promise<boolean> {
    const began = performance.now()
    try {
      await work()
      this.#options.onPoll({ kind, took: performance.now() - began })
      return true
    } catch (cause) {
      if (!signal.aborted)
        this.#options.onPoll({ kind, took: performance.now() - began, error: asVendorError(cause) })
      return false
    }
  }

  #jittered(milliseconds: number): number {
    return milliseconds * (0.9 + 0.2 * this.#options.random())
  }

  async #pause(
    milliseconds: number,
    signal: AbortSignal,
    wakeable: (wake: (() => void) | undefined) => void,
  ): Promise<void> {
    const woken = new AbortController()
    wakeable(() => woken.abort())
    await this.#options.sleep(milliseconds, AbortSignal.any([signal, woken.signal])).catch(() => {})
    wakeable(undefined)
  }
}

/** The budget of those who want to know out of turn; who does not get in waits for the next sweep. */
const mostWanted = 500
/** Milliseconds to which the time between two sweeps grows while the vendor refuses our credentials. */
const longestRefused = 3_600_000

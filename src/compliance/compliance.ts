import { followChanges } from '../devices/changes.ts'
import type { Notices } from '../shared-state/ports.ts'
import type { Changes } from '../store/ports.ts'
import type { WhenGone } from './apply.ts'
import { PostureWriter } from './apply.ts'
import type { BrakeSettings } from './brake.ts'
import { type Connector, VendorError } from './connectors/connector.ts'
import { distinct, keysOfDevice } from './device-record.ts'
import { type ComplianceRecord, keepMatchKeys, type Subjects } from './evaluate.ts'
import { type PollEvent, Poller } from './poll.ts'
import type { PostureRules } from './posture.ts'

export interface ComplianceOptions {
  readonly record: ComplianceRecord
  readonly changes: Changes
  /** Undefined: changes are seen at the next look. */
  readonly notices?: Pick<Notices, 'onNotice'>
  readonly vendors: readonly NamedConnector[]
  readonly rules: PostureRules
  readonly brake: BrakeSettings
  readonly whenGone: WhenGone
  readonly smallestSweep: number
  readonly interval: number
  readonly askAgain: number
  readonly now: () => number
  readonly random: () => number
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>
  readonly events: ComplianceEvents
}

export interface NamedConnector {
  readonly name: string
  readonly connector: Connector
}

export interface ComplianceEvents {
  onPoll(vendor: string, event: PollEvent): void
  /** The brake holds so many of this vendor's registrations, `news` of them since just now. */
  onHeld(vendor: string, held: number, news: number): void
  /** Something of ours went wrong (the record does not answer); it is tried again. */
  onError(error: unknown): void
}

/** Milliseconds between two looks at what becomes true by time alone, and at what gateways would like to know. */
const tick = 1_000
/** Registrations that are matched at once, all of them at start, and those that change from then on. */
const atOnce = 50
/** Own changes whose notices have not come yet; one that is forgotten here is only looked at in vain. */
const mostOwn = 20_000

/**
 * The whole of compliance while it runs: it asks the vendors, follows the changes of registrations (a new one is matched at
 * once, out of the record), and sees to what time alone changes. One process at a time does it, under a lease.
 */
export class Compliance {
  readonly #options: ComplianceOptions
  readonly #writer: PostureWriter
  readonly #pollers: readonly Poller[]
  readonly #own = new Set<number>()
  readonly #dirty = new Set<string>()
  /** Enrollments of which something has changed, their beginning for one. */
  readonly #enrollments = new Set<string>()
  #wholePass = true
  #wake: (() => void) | undefined

  constructor(options: ComplianceOptions) {
    this.#options = options
    const { record, rules, brake, whenGone, now, events, vendors } = options
    this.#writer = new PostureWriter({
      record,
      rules,
      vendors: vendors.map(({ name }) => name),
      now,
      brake,
      whenGone,
      onApplied: (versions) => {
        if (this.#own.size > mostOwn) this.#own.clear()
        for (const version of versions) this.#own.add(version)
      },
      onHeld: (vendor, held, news) => events.onHeld(vendor, held, news),
    })
    this.#pollers = vendors.map(({ name, connector }) => {
      let swept = false
      return new Poller({
        name,
        connector,
        record,
        rules,
        writer: this.#writer,
        smallest: options.smallestSweep,
        now,
        interval: options.interval,
        askAgain: options.askAgain,
        random: options.random,
        sleep: options.sleep,
        onUnsettled: () => {
          this.#wholePass = true
          this.#wake?.()
        },
        onPoll: (event) => {
          events.onPoll(name, event)
          // From now on it means something that this vendor does not know a device.
          if (event.outcome !== undefined && event.error === undefined && !swept) {
            swept = true
            this.#wholePass = true
            this.#wake?.()
          }
        },
      })
    })
  }

  /** Until the signal is aborted. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const follower = followChanges({
      changes: this.#options.changes,
      ...(this.#options.notices && { notices: this.#options.notices }),
      onChange: ({ kind, subject, sequence }) => {
        // A notification has named devices, or somebody has asked for a sweep.
        if (kind === 'vendor') this.#wake?.()
        if (kind === 'enrollment' && this.#enrollments.size < mostOwn) this.#enrollments.add(subject)
        if (kind !== 'registration' || this.#own.delete(sequence)) return
        this.#dirty.add(subject)
        this.#wake?.()
      },
      onGap: () => {
        this.#own.clear()
        this.#wholePass = true
        this.#wake?.()
      },
      onError: (error) => this.#options.events.onError(error),
    })
    try {
      await Promise.all([this.#tend(signal), ...this.#pollers.map((poller) => poller.run(signal))])
    } finally {
      follower.close()
    }
  }

  /** One sweep of one vendor now, for `gatehouse vendor poll`. @throws VendorError */
  async pollOnce(vendor: string, signal: AbortSignal): Promise<void> {
    const poller = this.#poller(vendor)
    if (poller === undefined)
      throw new VendorError('settings', `There is no vendor ${vendor} in the settings`)
    const error = await poller.sweepOnce(signal)
    if (error !== undefined) throw error
    await this.#matchAll(signal)
  }

  #poller(vendor: string): Poller | undefined {
    return this.#pollers.find(({ name }) => name === vendor)
  }

  /** What is not a poll: new registrations, ends of grace periods, requests for fresh news. */
  async #tend(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (this.#wholePass) {
          this.#wholePass = false
          await this.#matchAll(signal)
        }
        await this.#matchChanged(signal)
        await this.#timeHasCome()
        await this.#refresh()
      } catch (error) {
        if (!signal.aborted) this.#options.events.onError(error)
        // What was under way may be half done, and is not known any more.
        this.#wholePass = true
        await this.#options.sleep(tick, signal).catch(() => {})
      }
      if (this.#wholePass || this.#dirty.size > 0) continue
      const woken = new AbortController()
      this.#wake = () => woken.abort()
      await this.#options.sleep(tick, AbortSignal.any([signal, woken.signal])).catch(() => {})
      this.#wake = undefined
    }
  }

  async #matchAll(signal: AbortSignal): Promise<void> {
    const { record } = this.#options
    const round = this.#writer.begin()
    let after: string | undefined
    for (;;) {
      const page = await record.postures.page(after, atOnce)
      after = page.at(-1)?.registration.id
      if (after === undefined || signal.aborted) break
      await keepMatchKeys(page, this.#options)
      const ids = page.map(({ registration }) => registration.id)
      await this.#writer.exclusively(() => round.consider({ ids }))
      await new Promise((resolve) => setImmediate(resolve))
    }
    if (!signal.aborted) await this.#writer.exclusively(() => round.settle())
  }

  async #lookUpEnrolled(signal: AbortSignal): Promise<void> {
    while (this.#enrollments.size > 0 && !signal.aborted) {
      const ids = [...this.#enrollments].slice(0, atOnce)
      for (const id of ids) this.#enrollments.delete(id)
      for (const poller of this.#pollers) await poller.lookUpNew(ids, signal)
    }
  }

  async #matchChanged(signal: AbortSignal): Promise<void> {
    const { record } = this.#options
    await this.#lookUpEnrolled(signal)
    while (this.#dirty.size > 0 && !signal.aborted) {
      const ids = [...this.#dirty].slice(0, atOnce)
      for (const id of ids) this.#dirty.delete(id)
      // Those that have enrolled before these registered.
      await this.#lookUpEnrolled(signal)
      const states = await record.postures.find({ ids })
      await keepMatchKeys(states, this.#options)
      await this.#consider({ ids })
    }
  }

  async #timeHasCome(): Promise<void> {
    const { record, now } = this.#options
    for (;;) {
      const due = await record.managedDevices.takeDue(now(), atOnce)
      if (due.length === 0) return
      await this.#consider({ keys: distinct(due.flatMap(({ device }) => keysOfDevice(device))) })
    }
  }

  async #refresh(): Promise<void> {
    const { record } = this.#options
    for (const vendor of await record.sweeps.takePolls()) this.#poller(vendor)?.sweepSoon()
    for (const { vendor, vendorDeviceId } of await record.links.takeDevices(atOnce))
      this.#poller(vendor)?.want(vendorDeviceId)
    const ids = await record.links.takeRefreshes(atOnce)
    for (const { registration, posture } of await record.postures.find({ ids })) {
      if (posture.vendor === undefined || posture.device === undefined) continue
      this.#poller(posture.vendor)?.want(posture.device, registration.id)
    }
  }

  #consider(subjects: Subjects): Promise<unknown> {
    return this.#writer.exclusively(async () => {
      const round = this.#writer.begin()
      await round.consider(subjects)
      await round.settle()
    })
  }
}

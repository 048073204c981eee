import { followChanges } from '../../devices/changes.ts'
import type { Enrollment } from '../../domain/enrollment.ts'
import type { Notices } from '../../shared-state/ports.ts'
import type { Store } from '../../store/ports.ts'
import { DeviceKeeper, type DeviceKeeperOptions, type Known } from './keep-device.ts'
import { Pace } from './pace.ts'
import type { Step } from './plan.ts'
import { type ProfileTally, Tally } from './tally.ts'

export interface KeeperOptions extends Omit<DeviceKeeperOptions, 'record' | 'events'> {
  readonly record: KeeperRecord
  /** Undefined: changes are seen at the next look. */
  readonly notices?: Pick<Notices, 'onNotice'>
  /** Profiles a minute that are sent or removed. */
  readonly pace: number
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>
  readonly events: KeeperEvents
}

export type KeeperRecord = DeviceKeeperOptions['record'] &
  Pick<Store, 'enrollments' | 'deviceProfiles' | 'enrolledPeople' | 'changes'>

export type KeeperEvents = DeviceKeeperOptions['events'] & {
  /** @param enrollment undefined: it was no single device's */
  onError(error: unknown, enrollment?: string): void
  /** As of now; all zero when this process keeps them no more. */
  onTally?(tally: ProfileTally): void
}

/** Enrollments that are read in one go; reading them is what holds up everything else for longest. */
const pageSize = 50
/** Milliseconds from the end of one pass over all devices to the next: what nobody announces is time going by. */
const betweenPasses = 10 * 60_000
const idle = 5_000
const mostDirty = 20_000
/** Devices in a row that nothing could be done for: then it is hardly the devices. */
const mostFailures = 5

/**
 * Sees to it that every device has the profiles that are assigned to it, in the revision of now, and no other of ours:
 * all of them again and again, and at once those that have just been enrolled, have answered, or are named by a command. One process
 * does it, under a lease; what it was doing when it died is done by the next, which finds the same plan.
 */
export class ProfileKeeper {
  readonly #options: KeeperOptions
  readonly #pace: Pace
  readonly #devices: DeviceKeeper
  readonly #dirty = new Set<string>()
  readonly #tally = new Tally()
  #after: string | undefined
  #passing = true
  #passes = 0
  #passEnded = 0
  #failures = 0
  #wake: (() => void) | undefined

  constructor(options: KeeperOptions) {
    this.#options = options
    this.#pace = new Pace(options.pace, options.now)
    this.#devices = new DeviceKeeper(options, this.#pace)
  }

  /** Other profiles hold: every device is looked at. */
  profilesChanged(): void {
    this.#after = undefined
    this.#passing = true
    this.#passes += 1
    this.#tally.passBegins()
    this.#wake?.()
  }

  /** Until the signal is aborted. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { record, notices, events } = this.#options
    const follower = followChanges({
      changes: record.changes,
      ...(notices && { notices }),
      onChange: ({ kind, subject }) => {
        if (kind !== 'enrollment') return
        if (this.#dirty.size >= mostDirty) this.profilesChanged()
        else this.#dirty.add(subject)
        this.#wake?.()
      },
      onGap: () => this.profilesChanged(),
      onError: (error) => events.onError(error),
    })
    try {
      while (!signal.aborted) {
        await this.#turn(signal)
        events.onTally?.(this.#tally.current)
      }
    } finally {
      follower.close()
      events.onTally?.(new Tally().current)
    }
  }

  /** One look at one device. @returns what was done */
  async keep(enrollment: Enrollment): Promise<readonly Step[]> {
    const { steps, before, after } = await this.#devices.keep(enrollment, await this.#known([enrollment]))
    const passed = this.#after !== undefined && enrollment.id <= this.#after
    this.#tally.changed(before, after, passed)
    return steps
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const { now, sleep, events } = this.#options
    try {
      if (!this.#pace.open) return await sleep(this.#pace.interval, signal).catch(() => {})
      if (this.#dirty.size > 0) return await this.#tendDirty()
      if (this.#passing) return await this.#tendPage()
      // Also when the clock was set back: the next pass would be as far away as it was ahead.
      if (Math.abs(now() - this.#passEnded) >= betweenPasses) return this.profilesChanged()
    } catch (error) {
      if (!signal.aborted) events.onError(error)
    }
    const woken = new AbortController()
    this.#wake = () => woken.abort()
    await sleep(idle, AbortSignal.any([signal, woken.signal])).catch(() => {})
    this.#wake = undefined
  }

  async #tendDirty(): Promise<void> {
    const [id] = this.#dirty
    if (id === undefined) return
    const enrollment = await this.#options.record.enrollments.get(id)
    this.#dirty.delete(id)
    if (enrollment?.state === 'enrolled') await this.#alone(id, () => this.keep(enrollment))
  }

  async #tendPage(): Promise<void> {
    const { record, now } = this.#options
    const [after, pass] = [this.#after, this.#passes]
    const page = await record.enrollments.list({
      state: 'enrolled',
      limit: pageSize,
      ...(after !== undefined && { after }),
    })
    if (page.length === 0) {
      this.#passing = false
      this.#passEnded = now()
      this.#tally.passEnds()
      return
    }
    const known = await this.#known(page)
    for (const enrollment of page) {
      // What is left of the page is looked at again when there is allowance.
      if (!this.#pace.open) return
      const kept = await this.#alone(enrollment.id, () => this.#devices.keep(enrollment, known))
      if (kept !== undefined) this.#tally.changed(kept.before, kept.after, false)
      // It has begun anew meanwhile.
      if (this.#passes !== pass) return
      this.#tally.passes(kept?.after ?? known.rows.get(enrollment.id) ?? [])
      this.#after = enrollment.id
      if (this.#failures >= mostFailures) throw new Error('several devices in a row could not be looked at')
      // The record may answer without ever letting anything else run.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** What goes wrong with one device is told, and takes nothing away from the others: the next pass is at it again. */
  async #alone<T>(enrollment: string, look: () => Promise<T>): Promise<T | undefined> {
    try {
      const result = await look()
      this.#failures = 0
      return result
    } catch (error) {
      this.#failures += 1
      this.#options.events.onError(error, enrollment)
      return undefined
    }
  }

  async #known(enrollments: readonly Enrollment[]): Promise<Known> {
    const { deviceProfiles, enrolledPeople, certificates } = this.#options.record
    const ids = enrollments.map(({ id }) => id)
    const users = enrollments.flatMap(({ user }) => user ?? [])
    const [rows, people, reported, issued] = await Promise.all([
      deviceProfiles.of(ids),
      enrolledPeople.of(users),
      deviceProfiles.reported(ids),
      this.#devices.mayIssue ? certificates.ofProfiles(ids) : new Map(),
    ])
    return { rows: Map.groupBy(rows, ({ enrollment }) => enrollment), people, reported, certificates: issued }
  }
}

import type { DeviceProfile, ProfileCount } from '../../store/profile-ports.ts'

/** Profiles of devices: there, on their way or to be taken away, or refused. */
export interface ProfileTally {
  readonly installed: number
  readonly waiting: number
  readonly failed: number
}

type Counting = { -readonly [state in keyof ProfileTally]: number }

/**
 * How many profiles are in which state, over all devices, without asking the record again and again: counted once at the start,
 * changed with each look at a device, and counted anew by each pass over all devices, since others write as well.
 */
export class Tally {
  #now: Counting
  #pass: Counting = none()

  constructor(counts: readonly ProfileCount[]) {
    this.#now = none()
    for (const { action, state, count } of counts) add(this.#now, { action, state }, count)
  }

  get current(): ProfileTally {
    return { ...this.#now }
  }

  /** @param passed the present pass has been at this device before */
  changed(before: readonly DeviceProfile[], after: readonly DeviceProfile[], passed: boolean): void {
    for (const counting of passed ? [this.#now, this.#pass] : [this.#now]) {
      for (const row of before) add(counting, row, -1)
      for (const row of after) add(counting, row, 1)
    }
  }

  passBegins(): void {
    this.#pass = none()
  }

  passes(rows: readonly DeviceProfile[]): void {
    for (const row of rows) add(this.#pass, row, 1)
  }

  passEnds(): void {
    this.#now = this.#pass
    this.#pass = none()
  }
}

function none(): Counting {
  return { installed: 0, waiting: 0, failed: 0 }
}

function add(counting: Counting, { action, state }: Pick<DeviceProfile, 'action' | 'state'>, count: number) {
  if (state === 'sent') counting.waiting += count
  else if (state === 'failed') counting.failed += count
  else if (action === 'install') counting.installed += count
}

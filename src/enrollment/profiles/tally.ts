import type { DeviceProfile } from '../../store/profile-ports.ts'

/** Profiles of devices: there, on their way or to be taken away, or refused. */
export interface ProfileTally {
  readonly installed: number
  readonly waiting: number
  readonly failed: number
}

type Counting = { -readonly [state in keyof ProfileTally]: number }

/**
 * How many profiles are in which state, over all devices, without asking the record, which would have to read millions of rows:
 * counted by each pass over all devices, since others write as well, and changed with each look at a device in between.
 */
export class Tally {
  /** Undefined before the end of the first pass: what that has counted so far is what there is. */
  #now: Counting | undefined
  #pass: Counting = none()

  get current(): ProfileTally {
    return { ...(this.#now ?? this.#pass) }
  }

  /** @param passed the present pass has been at this device before */
  changed(before: readonly DeviceProfile[], after: readonly DeviceProfile[], passed: boolean): void {
    for (const counting of [this.#now, passed ? this.#pass : undefined]) {
      if (counting === undefined) continue
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

/**
 * The brake: a vendor's fault (a policy pushed to everybody, a broken sync) must not shut a whole organisation out before
 * somebody has looked. A poll that would newly block very many is held as a whole. Devices that go out of compliance one
 * by one never are: nobody can hide among a crowd by making it, since what is held is named and reported, and what comes
 * after goes its own way. Good news are never held.
 */
export interface BrakeSettings {
  /** 0 to 1: of the clients that this vendor vouches for. */
  readonly maxNewlyBlocked: number
  /** Fewer are never held. */
  readonly atLeast: number
}

export interface BrakeInput {
  /** Registrations that this poll would newly block, by id, and that are not held yet. */
  readonly newly: readonly string[]
  /** Held since an earlier poll, and this one still says so. */
  readonly held: readonly string[]
  /** How many were blocked in the last hour: a fault that arrives in slices is one all the same. */
  readonly recently: number
  /** How many registrations the vendor vouches for now, those above among them. */
  readonly vouchedFor: number
}

export interface BrakeDecision {
  readonly apply: readonly string[]
  readonly hold: readonly string[]
}

export const recentWindow = 3_600_000

/** So few in one poll are "one by one". */
function fewEnough(settings: BrakeSettings): number {
  return Math.max(1, Math.floor(settings.atLeast / 10))
}

export function brake(input: BrakeInput, settings: BrakeSettings): BrakeDecision {
  const { newly, held, recently } = input
  const single = newly.length <= fewEnough(settings)
  const hold = !single && isBulk(newly.length + held.length + recently, input, settings) ? newly : []
  // What is left of a crowd that has gone home is not one any more.
  const stillHeld = isBulk(held.length + hold.length, input, settings) ? held : []
  return {
    hold: [...hold, ...stillHeld],
    apply: [...(hold.length > 0 ? [] : newly), ...(stillHeld.length > 0 ? [] : held)],
  }
}

/** Whether the share has to be known at all. */
export function needsCount(
  { newly, held, recently }: Omit<BrakeInput, 'vouchedFor'>,
  { atLeast }: BrakeSettings,
): boolean {
  return newly.length + held.length + recently >= atLeast
}

function isBulk(count: number, { vouchedFor, recently }: BrakeInput, settings: BrakeSettings): boolean {
  return count >= settings.atLeast && count > settings.maxNewlyBlocked * (vouchedFor + recently)
}

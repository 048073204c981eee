import type { DeviceProfile } from '../../store/profile-ports.ts'

/** A profile that should be on the device. */
export interface Wanted {
  readonly identifier: string
  readonly revision: string
}

/** What the device says that it has: our profiles alone, UUID by identifier. */
export interface Reported {
  readonly at: number
  readonly profiles: ReadonlyMap<string, string>
}

export type Step =
  | {
      readonly kind: 'install'
      readonly identifier: string
      readonly revision: string
      readonly why: Why
      readonly cancel?: string
    }
  | { readonly kind: 'remove'; readonly identifier: string; readonly cancel?: string }
  /** It is there, and the record did not know. */
  | { readonly kind: 'adopt'; readonly identifier: string; readonly revision: string }
  | { readonly kind: 'forget'; readonly identifier: string }

/** `drift`: the device had it, and has it no longer, or has another revision. */
export type Why = 'new' | 'changed' | 'drift' | 'retry'

export interface Situation {
  /** In the order in which they are installed. */
  readonly wanted: readonly Wanted[]
  /** What was done last; nothing of before the device was enrolled anew. */
  readonly known: readonly DeviceProfile[]
  /** Undefined: the device has not been asked yet. */
  readonly reported: Reported | undefined
  readonly now: number
}

/** What is to be done now so that the device has what it should have. Doing it twice, or not at all, does no harm. */
export function planProfiles({ wanted, known, reported, now }: Situation): readonly Step[] {
  const rows = new Map(known.map((row) => [row.identifier, row]))
  const names = new Set(wanted.map(({ identifier }) => identifier))
  const there = [...(reported?.profiles.keys() ?? [])].filter((name) => !rows.has(name))
  return [
    ...wanted.flatMap((one) => installStep(one, rows.get(one.identifier), reported, now) ?? []),
    ...known
      .filter(({ identifier }) => !names.has(identifier))
      .flatMap((row) => removeStep(row, reported, now) ?? []),
    // Ours by its name, and nobody knows of it any more.
    ...there
      .filter((name) => !names.has(name))
      .map((identifier) => ({ kind: 'remove' as const, identifier })),
  ]
}

function installStep(
  { identifier, revision }: Wanted,
  row: DeviceProfile | undefined,
  reported: Reported | undefined,
  now: number,
): Step | undefined {
  const install = (why: Why, cancel?: string): Step => ({
    ...{ kind: 'install', identifier, revision, why },
    ...(cancel !== undefined && { cancel }),
  })
  if (row === undefined) {
    const same = reported?.profiles.get(identifier) === revision
    return same ? { kind: 'adopt', identifier, revision } : install('new')
  }
  const current = row.action === 'install' && row.revision === revision
  switch (row.state) {
    case 'sent':
      return current ? undefined : install('changed', row.command)
    case 'failed':
      if (!current) return install('changed')
      return row.dueAt !== undefined && row.dueAt <= now ? install('retry') : undefined
    case 'done':
      if (!current) return install('changed')
      if (reported === undefined || reported.at <= row.at) return undefined
      return reported.profiles.get(identifier) === revision ? undefined : install('drift')
    default:
      return row.state satisfies never
  }
}

function removeStep(row: DeviceProfile, reported: Reported | undefined, now: number): Step | undefined {
  const { identifier, action, state, command } = row
  const gone = reported !== undefined && reported.at > row.at && !reported.profiles.has(identifier)
  if (action === 'remove') {
    if (state === 'sent') return undefined
    if (state === 'done' || gone) return { kind: 'forget', identifier }
    return row.dueAt !== undefined && row.dueAt <= now ? { kind: 'remove', identifier } : undefined
  }
  if (gone && state !== 'sent') return { kind: 'forget', identifier }
  // Never in a device's queue, so never on the device.
  if (state === 'failed' && command === undefined) return { kind: 'forget', identifier }
  return { kind: 'remove', identifier, ...(state === 'sent' && command !== undefined && { cancel: command }) }
}

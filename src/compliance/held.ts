import type { Posture } from '../domain/posture.ts'
import type { Actor } from '../store/ports.ts'
import { letGo, type WhenGone } from './apply.ts'
import { type EvaluateDependencies, evaluate } from './evaluate.ts'

export interface ConfirmDependencies extends Omit<EvaluateDependencies, 'now'> {
  readonly whenGone: WhenGone
}

const atOnce = 50

/**
 * An administrator confirms what the brake holds of this vendor: it is applied now, by whoever was asked, so that no other
 * process has to run for it. Only a whole sweep takes back what is held; who is well by what came since (half a sweep, one
 * device that was asked for) is not blocked. The vendor's next sweep may also find far fewer devices than before.
 * @returns how many registrations it hit
 */
export async function confirmHeld(vendor: string, by: Actor, deps: ConfirmDependencies): Promise<number> {
  const { record, whenGone } = deps
  await record.sweeps.confirm(vendor, by)
  let applied = 0
  let after: string | undefined
  for (;;) {
    const page = await record.postures.held(vendor, after, atOnce)
    after = page.at(-1)?.id
    if (after === undefined) return applied
    // What a poll holds while this goes on, nobody has seen.
    const seen = page.filter(({ since }) => since <= by.at)
    const ids = seen.map(({ id }) => id)
    const newest = await newestOf(ids, { vendor, at: by.at, ...deps })
    const held = seen.filter(({ id }) => newest.get(id)?.state !== 'compliant')
    for (const { id, posture, gone } of held)
      if (gone && newest.get(id)?.gone !== false)
        await letGo(id, posture, { record, whenGone, now: () => by.at })
    await record.postures.set(held, by)
    // Those of registrations that are gone are not set, and held no more.
    await record.postures.drop(ids)
    applied += held.length
  }
}

interface Newest {
  readonly state: Posture['state']
  /** Undefined: nothing says otherwise than when it was held. */
  readonly gone?: boolean
}

async function newestOf(
  ids: readonly string[],
  { vendor, at, ...deps }: ConfirmDependencies & { readonly vendor: string; readonly at: number },
): Promise<ReadonlyMap<string, Newest>> {
  // Also the devices of a connection that the settings do not name any more: its word is what is confirmed.
  const vendors = [...new Set([...deps.vendors, vendor])]
  const known = await deps.record.postures.find({ ids })
  const newest = new Map<string, Newest>(
    known.map(({ registration, posture }) => [registration.id, { state: posture.state }]),
  )
  for (const { before, posture, gone } of await evaluate({ ids }, { ...deps, vendors, now: () => at }))
    newest.set(before.registration.id, { state: posture.state, gone })
  return newest
}

import type { Actor } from '../store/ports.ts'
import { letGo, type WhenGone } from './apply.ts'
import type { ComplianceRecord } from './evaluate.ts'

const atOnce = 50

/**
 * An administrator confirms what the brake holds of this vendor: it is applied now, by whoever was asked, so that no other
 * process has to run for it. The vendor's next sweep may also find far fewer devices than before.
 * @returns how many registrations it hit
 */
export async function confirmHeld(
  vendor: string,
  by: Actor,
  { record, whenGone }: { readonly record: ComplianceRecord; readonly whenGone: WhenGone },
): Promise<number> {
  await record.sweeps.confirm(vendor, by)
  let applied = 0
  let after: string | undefined
  for (;;) {
    const page = await record.postures.held(vendor, after, atOnce)
    after = page.at(-1)?.id
    if (after === undefined) return applied
    // What a poll holds while this goes on, nobody has seen.
    const held = page.filter(({ since }) => since <= by.at)
    for (const { id, posture, gone } of held)
      if (gone) await letGo(id, posture, { record, whenGone, now: () => by.at })
    await record.postures.set(held, by)
    // Those of registrations that are gone are not set, and held no more.
    await record.postures.drop(held.map(({ id }) => id))
    applied += held.length
  }
}

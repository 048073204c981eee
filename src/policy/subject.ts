import type { RequestFacts } from '../domain/decision.ts'
import type { DeviceState } from '../domain/registration.ts'

/** What one decision is about, put together once so that conditions look things up in one place. */
export interface Subject {
  readonly facts: RequestFacts
  readonly state: DeviceState | undefined
  readonly now: number
  /** The vendor has not answered for so long that its good word does not count any more (`limits.vendorStale`). */
  readonly stale: boolean
  /** The policy networks of the source address and those that a visit to the VPN address has proven. */
  readonly networks: readonly string[]
  /** The signed-in user; between sign-ins the one whom the registration belongs to. */
  readonly user: string | undefined
  /** Set by the `network` condition: the rule that is being tried rests on the network. */
  networkHeld: boolean
}

export function subjectOf(
  facts: RequestFacts,
  state: DeviceState | undefined,
  context: { readonly networks: readonly string[]; readonly now: number; readonly stale?: boolean },
): Subject {
  const user = facts.user ?? state?.registration.user
  const { now, networks, stale = false } = context
  return { facts, state, now, stale, networks, user, networkHeld: false }
}

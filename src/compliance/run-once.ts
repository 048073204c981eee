import { setTimeout as delay } from 'node:timers/promises'
import { systemRandom } from '../lib/random.ts'
import type { ComplianceSettings } from '../settings/build-compliance.ts'
import type { VendorConnection } from '../settings/sections/vendors/table.ts'
import type { Store } from '../store/ports.ts'
import { Compliance } from './compliance.ts'
import { VendorError } from './connectors/connector.ts'
import { openConnector } from './connectors/table.ts'
import { aliasesOf } from './user-names.ts'

export interface OnceDependencies {
  readonly store: Store
  readonly compliance: ComplianceSettings
  readonly now: () => number
}

/** The lease of the compliance role, and its time in milliseconds. */
export const complianceLease = { name: 'compliance', ttl: 15_000 }
const longest = 600_000

/**
 * Sweeps one vendor here, when no process holds the lease; otherwise waits until the one that does has done it.
 * @param done whether it has
 */
export async function runOnce(
  vendor: VendorConnection,
  deps: OnceDependencies,
  done: () => Promise<boolean>,
): Promise<void> {
  const { leases } = deps.store
  const holder = systemRandom().id()
  const { name, ttl } = complianceLease
  for (let waited = 0; waited < longest; waited += 250) {
    if (await done()) return
    if ((await leases.hold(name, holder, ttl)) !== undefined) {
      const renewing = setInterval(() => void leases.hold(name, holder, ttl).catch(() => {}), ttl / 4).unref()
      try {
        return await sweepHere(vendor, deps)
      } finally {
        clearInterval(renewing)
        await leases.release(name, holder)
      }
    }
    await delay(250)
  }
}

/** All vendors of the settings count for what follows; only this one is asked. */
async function sweepHere(
  vendor: VendorConnection,
  { store, compliance, now }: OnceDependencies,
): Promise<void> {
  await store.sweeps.takePolls()
  const opened = compliance.vendors.map((connection) =>
    openConnector(connection, { now, random: Math.random, fleet: store }),
  )
  try {
    const { interval, askAgain, brake, smallestSweep, whenGone, grace, surplus, maxSilence, aliases } =
      compliance
    const once = new Compliance({
      record: store,
      changes: store.changes,
      vendors: opened,
      rules: { grace, surplus, maxSilence, aliases: aliasesOf(aliases) },
      ...{ brake, smallestSweep, whenGone, interval, askAgain, now },
      random: Math.random,
      sleep: (milliseconds, signal) => delay(milliseconds, undefined, { signal }),
      events: { onPoll() {}, onHeld() {}, onError() {} },
    })
    await once.pollOnce(vendor.settings.name, AbortSignal.timeout(longest))
  } catch (error) {
    // It is in the record, as the outcome of the sweep.
    if (!(error instanceof VendorError)) throw error
  } finally {
    await Promise.all(opened.map((one) => one.close()))
  }
}

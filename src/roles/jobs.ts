import { systemRandom } from '../lib/random.ts'
import { startApnsRole } from './apns.ts'
import { startComplianceRole } from './compliance.ts'
import type { GatewayParts } from './gateway-parts.ts'
import { startRetention } from './retention.ts'

/**
 * What goes on beside the exchanges and only one process may do at a time, each under a lease of its own. With several
 * gateway processes it has a process to itself, so that a long poll of a vendor or a large removal never stands in a request's way.
 */
export function startJobs(parts: GatewayParts): Jobs {
  const { settings, store, now, logger } = parts
  const holder = systemRandom().id()
  const retention = startRetention({
    leases: store.leases,
    retention: store.retention,
    keep: settings.retention,
    holder,
    now,
    logger,
  })
  const compliance = startComplianceRole({ ...parts, holder })
  const apns = startApnsRole({ ...parts, holder })
  return {
    async measure() {
      await compliance?.measure()
      await apns?.measure()
    },
    async close() {
      await Promise.all([retention.close(), compliance?.close(), apns?.close()])
    },
  }
}

export interface Jobs {
  /** Brings gauges up to date before they are read. */
  measure(): Promise<void>
  close(): Promise<void>
}

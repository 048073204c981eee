import { setTimeout as delay } from 'node:timers/promises'
import { whileLeased } from '../lib/while-leased.ts'
import type { Store } from '../store/ports.ts'
import type { Logger } from '../telemetry/logger.ts'

export interface UnusedIdentitiesOptions {
  readonly store: Pick<Store, 'leases' | 'certificates'>
  /** Different for each process. */
  readonly holder: string
  readonly now: () => number
  readonly logger: Pick<Logger, 'info' | 'warn'>
}

/**
 * Milliseconds. A device says that it enrolls within seconds after it has got its identity. One with which none has is a
 * certificate that opens the gateway for whoever has its key, and that ends with no enrollment.
 */
export const unusedAfter = 24 * 60 * 60 * 1000

const lease = { name: 'unused-identities', ttl: 30_000 }
const roundEvery = 60 * 60 * 1000
const atOnce = 200

/** Revokes identities that were fetched and with which no device has enrolled, in one process of the installation. */
export function revokeUnusedIdentities(options: UnusedIdentitiesOptions): { close(): Promise<void> } {
  const { store, holder, logger } = options
  const stop = new AbortController()
  const running = whileLeased({
    ...lease,
    leases: store.leases,
    holder,
    signal: stop.signal,
    onError: (error) => logger.warn({ err: error }, 'unused identities are not revoked for now'),
    async work(signal) {
      for (let after = 0; !signal.aborted; ) {
        after = await round(options, after, signal)
        await delay(roundEvery, undefined, { signal, ref: false })
      }
    },
  })
  return {
    async close() {
      stop.abort()
      await running
    },
  }
}

/**
 * @param after what was issued until then was looked at before: a device that enrolls with it later has done so by now
 * @returns the same for the next round
 */
export async function round(
  { store, now, logger }: UnusedIdentitiesOptions,
  after: number,
  signal: AbortSignal,
): Promise<number> {
  const before = now() - unusedAfter
  for (;;) {
    const by = { name: 'enrollment', why: 'no device has enrolled with it within a day', at: now() }
    const revoked = await store.certificates.revokeUnused({ after, before, atMost: atOnce }, by)
    for (const { serial, enrollment, user } of revoked)
      logger.info({ serial, enrollment, user }, 'an identity that was never used is revoked')
    if (revoked.length < atOnce || signal.aborted) return before
  }
}

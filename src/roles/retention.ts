import { setTimeout as delay } from 'node:timers/promises'
import { whileLeased } from '../lib/while-leased.ts'
import type { RetentionSettings } from '../settings/settings.ts'
import type { Leases, Retention } from '../store/ports.ts'
import type { Logger } from '../telemetry/logger.ts'

export interface RetentionOptions {
  readonly leases: Leases
  readonly retention: Retention
  readonly keep: RetentionSettings
  /** Different for each process. */
  readonly holder: string
  readonly now: () => number
  readonly logger: Logger
}

/** Rows in one step, and milliseconds between two: whoever writes meanwhile waits for one step at most. */
const atOnce = 500
const breath = 100
/** Milliseconds between two rounds. */
const roundEvery = 86_400_000
const lease = { name: 'retention', ttl: 30_000 }

/** Removes what the settings keep no longer, in whichever process holds the lease. */
export function startRetention(options: RetentionOptions): { close(): Promise<void> } {
  const stop = new AbortController()
  const { leases, holder, logger } = options
  const running = whileLeased({
    ...lease,
    leases,
    holder,
    signal: stop.signal,
    onError: (error) => logger.debug({ err: error }, 'old records are not removed for now'),
    async work(signal) {
      while (!signal.aborted) {
        await round(options, signal)
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
 * One pass over everything that is kept for a time. What fails keeps nothing else from being removed.
 * @throws what the first of those that failed has failed with: the round is made again soon
 */
export async function round(options: RetentionOptions, signal: AbortSignal): Promise<void> {
  const { retention, keep, now, logger } = options
  const subjects: readonly Subject[] = [
    { name: 'audit', keep: keep.audit, remove: retention.removeAudit },
    { name: 'refusals', keep: keep.refusals, remove: retention.removeRefusals },
    { name: 'approvals', keep: keep.approvals, remove: retention.removeApprovals },
    { name: 'appDevices', keep: keep.appDevices, remove: retention.removeAppDevices },
    { name: 'scepKeys', keep: keep.scepKeys, remove: retention.removeScepKeys },
    { name: 'expired', keep: keepExpired, remove: retention.removeExpired },
  ]
  const failures: unknown[] = []
  for (const { name: subject, keep, remove } of subjects) {
    const before = now() - keep
    const onProgress = (removed: number) => logger.info({ subject, removed }, 'removing old records')
    try {
      const removed = await removeAll(() => remove(before, atOnce), signal, onProgress)
      if (removed > 0)
        logger.info({ subject, removed, before: new Date(before).toISOString() }, 'old records removed')
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
}

interface Subject {
  readonly name: string
  /** Milliseconds. */
  readonly keep: number
  readonly remove: (before: number, atMost: number) => Promise<number>
}

/** Of what opens nothing any more: clocks may differ. */
const keepExpired = 86_400_000

/** Steps between two lines of the log. */
const tellEvery = 100

async function removeAll(
  step: () => Promise<number>,
  signal: AbortSignal,
  onProgress: (removed: number) => void,
): Promise<number> {
  let all = 0
  for (let steps = 1; !signal.aborted; steps++) {
    const removed = await step()
    all += removed
    if (removed < atOnce) break
    if (steps % tellEvery === 0) onProgress(all)
    await delay(breath, undefined, { signal })
  }
  return all
}

import type { Random } from '../lib/random.ts'
import type { Settings } from '../settings/settings.ts'
import { createCounters, createNonceStore } from '../shared-state/memory.ts'
import type { Counters, NonceStore, Notices } from '../shared-state/ports.ts'
import { openSharedState, type SharedState } from '../shared-state/shared-state.ts'
import { guarded } from '../store/guarded.ts'
import type { Store } from '../store/ports.ts'
import type { Health } from '../telemetry/health.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { reportReads, reportWrites } from './gateway-health.ts'

/** What the processes of this machine share where there is no Redis. */
export interface LocalState {
  readonly notices: Notices
  /** This process's own when undefined: it is the only one. */
  readonly nonces?: NonceStore
  readonly counters?: Counters
}

export interface SharedParts {
  readonly settings: Settings
  readonly local: LocalState
  readonly health: Health
  readonly logger: Logger
  readonly metrics: Metrics
  readonly now: () => number
  readonly monotonic: () => number
}

/** The record for whoever serves requests: with deadlines, and with its conditions in the readiness. */
export function guardedRecord(record: Store, { settings, health }: SharedParts): Store {
  const { recordTimeout: readTimeout, recordWriteTimeout: writeTimeout } = settings.limits
  return guarded(record, {
    readTimeout,
    writeTimeout,
    now: () => performance.now(),
    onCondition(part, { ok, detail = 'does not answer' }) {
      const report = part === 'reads' ? reportReads : reportWrites
      report(health, ok ? undefined : detail)
    },
  })
}

/** Redis is not essential: without it, gateways read the record. */
export function openShared(
  store: Store,
  random: Random,
  { settings, now, monotonic, local, health, logger, metrics }: SharedParts,
): Promise<SharedState> {
  return openSharedState(settings.redis, {
    changes: store.changes,
    keys: store.keys,
    random,
    now,
    localNotices: local.notices,
    // By a clock that nobody sets: a nonce that ended when the clock was ahead could be used again once it is right.
    localNonces: local.nonces ?? createNonceStore({ now: monotonic }),
    localCounters: local.counters ?? createCounters({ now: monotonic }),
    timeout: settings.limits.redisTimeout,
    onCondition(ok, detail) {
      metrics.redisAvailable.set(ok ? 1 : 0)
      health.set('redis', detail === undefined ? { ok } : { ok, detail }, false)
    },
    onRejected(value) {
      metrics.redisRejected.labels(value).inc()
      logger.debug({ value }, 'a value in Redis counts for nothing')
    },
  })
}

/** Processes of this machine hear of a change at once, also while Redis is away. */
export function together(local: Notices, shared: Notices): Notices {
  if (local === shared) return local
  return {
    async announce() {
      await Promise.all([local.announce(), shared.announce()])
    },
    onNotice(listener) {
      const ends = [local.onNotice(listener), shared.onNotice(listener)]
      return () => {
        for (const end of ends) end()
      }
    },
  }
}

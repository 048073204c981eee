import type { RedisSettings } from '../settings/settings.ts'
import { createCounters, createNonceStore } from './memory.ts'
import { createLocalNotices } from './notices.ts'
import type { ChangeHistory, Counters, DeviceStateCache, NonceStore, Notices } from './ports.ts'
import type { RejectedValue } from './redis/values.ts'

/** What a process shares with the others, or has for itself. */
export interface SharedState {
  /** Undefined where the hot copies are enough: there is no Redis. */
  readonly cache?: DeviceStateCache
  readonly notices: Notices
  readonly nonces: NonceStore
  readonly counters: Counters
  close(): Promise<void>
}

export interface SharedStateDependencies {
  /** The record's: what Redis may not have been told of. */
  readonly changes: ChangeHistory
  /** The record's: the id of the installation, by which its keys are told from another's. */
  readonly keys: { getOrCreate(name: string, create: () => string): Promise<string> }
  readonly random: { id(): string }
  readonly now: () => number
  /** Of the processes of this machine together; taken where there is no Redis. */
  readonly localNotices?: Notices
  readonly localNonces?: NonceStore
  readonly localCounters?: Counters
  /** Milliseconds for each call (`limits.redisTimeout`). */
  readonly timeout: number
  /** Called when Redis is no longer well and when it is again; not called when there is none. */
  readonly onCondition: (ok: boolean, detail?: string) => void
  /** A value in Redis that counted for nothing. */
  readonly onRejected: (why: RejectedValue) => void
}

/**
 * Without settings, in this process; otherwise in Redis. A Redis that cannot be reached is waited for in the
 * background, and the condition says so.
 * @throws RecordUnavailable, and when a CA file cannot be read
 */
export async function openSharedState(
  redis: RedisSettings | undefined,
  deps: SharedStateDependencies,
): Promise<SharedState> {
  if (redis !== undefined) {
    const { openRedisState } = await import('./redis/redis-state.ts')
    return openRedisState(redis, deps)
  }
  return {
    notices: deps.localNotices ?? createLocalNotices(),
    nonces: deps.localNonces ?? createNonceStore(deps),
    counters: deps.localCounters ?? createCounters(deps),
    async close() {},
  }
}

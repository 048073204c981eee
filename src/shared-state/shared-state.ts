import type { RedisSettings } from '../settings/settings.ts'
import { createCounters, createNonceStore } from './memory.ts'
import { createLocalNotices } from './notices.ts'
import type { SharedState, SharedStateDependencies } from './ports.ts'

export type { SharedState } from './ports.ts'

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

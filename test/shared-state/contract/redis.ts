import type { Test } from 'tap'
import type { RedisSettings } from '../../../src/settings/settings.ts'
import { openCache, sharedState, twoProcesses } from '../redis-under-test.ts'
import { deviceStateCacheContract } from './device-state-cache.ts'
import { counterContract, nonceContract } from './nonces-and-counters.ts'
import { noticesContract } from './notices.ts'

/** Milliseconds for each call: Redis is well in these tests, and the machine may be busy. */
const timeout = 20_000

/** Every contract, each test with an installation of its own on the one Redis. */
export function redisContract(t: Test, settings: RedisSettings): void {
  nonceContract(t, async (t) => (await sharedState(t, { settings, timeout })).nonces)
  counterContract(t, async (t) => (await sharedState(t, { settings, timeout })).counters)
  noticesContract(t, async (t) => {
    const [one, two] = await twoProcesses(t, settings, timeout)
    return [one.notices, two.notices]
  })
  deviceStateCacheContract(t, (t) => openCache(t, settings, timeout))
}

/**
 * The shared state in Redis, single, behind Sentinel or as a Cluster. All of it may be lost at any time: what it says
 * of devices is compared with the record before it counts, see `device-state-cache.ts`.
 */
import type { RedisSettings } from '../../settings/settings.ts'
import type { SharedState, SharedStateDependencies } from '../ports.ts'
import { openRedisClient, type RedisClient } from './client.ts'
import { RedisDeviceStateCache } from './device-state-cache.ts'
import { keysOf } from './keys.ts'
import { createRedisCounters, createRedisNonceStore, createRedisNotices } from './small-ports.ts'

/** Of which installation the keys are, in the record. */
const installationKey = 'installation-id'

export async function openRedisState(
  settings: RedisSettings,
  deps: SharedStateDependencies,
): Promise<SharedState> {
  const keys = keysOf(await deps.keys.getOrCreate(installationKey, deps.random.id))
  const client = await openRedisClient(settings, {
    timeout: deps.timeout,
    jitter: () => fraction(deps.random.id()),
    monotonic: () => performance.now(),
    onCondition: deps.onCondition,
  })
  const { now, changes, random, onRejected } = deps
  const { keepStates, keepUnknown } = settings
  const cache = new RedisDeviceStateCache({
    client,
    key: keys.position,
    changes,
    newGeneration: random.id,
    now,
    keepStates,
    keepUnknown,
    onRejected,
  })
  const state: SharedState = {
    cache,
    notices: createRedisNotices(client, keys),
    nonces: createRedisNonceStore(client, keys, now),
    counters: createRedisCounters(client, keys),
    async close() {
      client.close()
    },
  }
  await connected(client, deps.patience ?? patienceDefault)
  return state
}

const patienceDefault = 300

function connected(client: RedisClient, patience: number): Promise<void> {
  return new Promise((resolve) => {
    if (client.connected) return resolve()
    const timer = setTimeout(resolve, patience)
    client.onConnected(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}

/** Of random letters, a number between 0 and 1. */
function fraction(letters: string): number {
  let value = 0
  for (const letter of letters) value = (value * 31 + letter.charCodeAt(0)) % 1009
  return value / 1009
}

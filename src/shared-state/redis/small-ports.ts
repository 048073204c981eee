import { sha256 } from '../../lib/hash.ts'
import type { Counters, NonceStore, Notices } from '../ports.ts'
import type { RedisClient } from './client.ts'
import type { Keys } from './keys.ts'
import { claimScript, hitScript } from './scripts.ts'

/** @throws SharedStateUnavailable: whoever claims a nonce is then refused */
export function createRedisNonceStore(client: RedisClient, keys: Keys, now: () => number): NonceStore {
  // Otherwise the first claim would begin it, and what was made a moment before be refused.
  client.onConnected(() => void client.call('SET', keys.noncesSince, now(), 'NX').catch(() => {}))
  return {
    async claim(key, ttlMs, ageMs) {
      const ttl = Math.max(1, Math.ceil(ttlMs))
      if (ageMs === undefined) return (await client.call('SET', keys.nonce(key), 1, 'PX', ttl, 'NX')) === 'OK'
      const time = now()
      return (await client.run(claimScript, keys.noncesSince, [sha256(key), ttl, time - ageMs, time])) === 1
    },
  }
}

export function createRedisCounters(client: RedisClient, keys: Keys): Counters {
  return {
    async hit(key, windowMs) {
      const count = await client.run(hitScript, keys.counter(key), [Math.max(1, Math.ceil(windowMs))])
      return Number(count)
    },
  }
}

export function createRedisNotices(client: RedisClient, keys: Keys): Notices {
  const listeners = new Set<() => void>()
  client.listen(keys.channel, () => {
    for (const listener of listeners) listener()
  })
  return {
    async announce() {
      // The others look by themselves a moment later.
      await client.call('PUBLISH', keys.channel, '').catch(() => {})
    },
    onNotice(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}

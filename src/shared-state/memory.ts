import type { Counters, NonceStore } from './ports.ts'

export interface MemoryOptions {
  readonly now: () => number
  /** The most keys that are remembered. */
  readonly limit?: number
}

const defaultLimit = 100_000

/** For one process: a nonce claimed here is not known to another. */
export function createNonceStore({ now, limit = defaultLimit }: MemoryOptions): NonceStore {
  const claimed = new Map<string, { readonly endsAt: number }>()
  const since = now()
  return {
    async claim(key, ttlMs, ageMs = 0) {
      const time = now()
      // An earlier process may have seen it.
      if (ageMs > 0 && time - ageMs < since) return false
      const before = claimed.get(key)
      if (before !== undefined && before.endsAt > time) return false
      // Forgetting a claim that still holds would let it be used twice.
      if (before === undefined && claimed.size >= limit && !removeEnded(claimed, time)) return false
      claimed.set(key, { endsAt: time + ttlMs })
      return true
    },
  }
}

export function createCounters({ now, limit = defaultLimit }: MemoryOptions): Counters {
  const windows = new Map<string, { count: number; readonly endsAt: number }>()
  return {
    async hit(key, windowMs) {
      const time = now()
      const window = windows.get(key)
      if (window !== undefined && window.endsAt > time) return ++window.count
      windows.delete(key)
      if (windows.size >= limit && !removeEnded(windows, time)) removeOldest(windows)
      windows.set(key, { count: 1, endsAt: time + windowMs })
      return 1
    },
  }
}

/** @returns whether there was any */
function removeEnded(entries: Map<string, { readonly endsAt: number }>, now: number): boolean {
  const before = entries.size
  for (const [key, { endsAt }] of entries) if (endsAt <= now) entries.delete(key)
  return entries.size < before
}

function removeOldest(entries: Map<string, unknown>): void {
  for (const key of entries.keys()) {
    entries.delete(key)
    return
  }
}

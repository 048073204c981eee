/**
 * Shared state: what gateway processes share and may lose at any time (nonces, counters), behind ports that memory
 * and Redis both serve. What must survive is in the record (`store/`).
 */
export interface NonceStore {
  /**
   * Claims `key` for `ttlMs` milliseconds.
   * @returns true for the first claim; false when it is claimed already, and when no more can be remembered: what
   * might have been used before is refused
   */
  claim(key: string, ttlMs: number): Promise<boolean>
}

export interface Counters {
  /** Counts one more for `key`. @returns how many there are in the window of `windowMs` that the first one opened */
  hit(key: string, windowMs: number): Promise<number>
}

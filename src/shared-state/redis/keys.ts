import { sha256 } from '../../lib/hash.ts'

/** The names of one installation's keys and of its channel. */
export interface Keys {
  /** Generation and sequence, see `device-state-cache.ts`. The other keys of device states are named after it. */
  readonly position: string
  readonly channel: string
  nonce(key: string): string
  /**
   * Since when nonces of a known age are remembered. They are named after it, all in one slot: what is lost is lost
   * together. It never ends by itself: after a quiet hour the first signed request would be refused.
   */
  readonly noncesSince: string
  counter(key: string): string
}

/**
 * All begin with `gatehouse:` (for an ACL) and the installation's id (two installations never meet). The braces put all
 * of device states into one slot of a Cluster: its shards fail over apart, and only within one shard does what was
 * written later prove what was written before. Nonces and counters stand for themselves and spread over the shards.
 */
export function keysOf(installation: string): Keys {
  const own = `gatehouse:{${installation}}:`
  const spread = `gatehouse:${installation}:`
  return {
    position: `${own}position`,
    noncesSince: `gatehouse:{${installation}:nonces}:since`,
    channel: `${own}changes`,
    // Hashed: what others choose gets neither long nor readable.
    nonce: (key) => `${spread}nonce:${sha256(key)}`,
    counter: (key) => `${spread}counter:${sha256(key)}`,
  }
}

import type { Test } from 'tap'
import type { ClientKey } from '../../../src/domain/client-identity.ts'
import type { Registration } from '../../../src/domain/registration.ts'
import type { Actor, Store } from '../../../src/store/ports.ts'

/** Opens a fresh record; it is closed when the test ends. The clock stands at `start` until the test moves it. */
export type OpenStore = (t: Test, clock?: Clock) => Promise<Store>

export interface Clock {
  now: number
}

export const start = 1_760_000_000_000

export function key(hash: string, expiresAt?: number): ClientKey {
  return { binding: 'cookie', hash, ...(expiresAt === undefined ? {} : { expiresAt }) }
}

export function registration(id: string, changes: Partial<Registration> = {}): Registration {
  return {
    id,
    service: 'mail',
    user: 'ann',
    binding: 'cookie',
    device: { type: 'iPhone', platform: 'ios', osVersion: '18.1' },
    evidence: ['network'],
    networks: ['office-wifi'],
    rule: 'Certificate Wi-Fi',
    source: '127.20.0.5',
    registeredAt: start,
    ...changes,
  }
}

export const admin: Actor = { name: 'root', why: 'lost in a taxi', at: start + 5 }

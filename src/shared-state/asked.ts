import { withDeadline } from '../lib/deadline.ts'
import { createCounters, createNonceStore } from './memory.ts'
import { type Counters, type NonceStore, SharedStateUnavailable } from './ports.ts'

/** What one process asks another that remembers for all of them. */
export interface Question {
  readonly kind: 'claim' | 'hit'
  readonly key: string
  /** Milliseconds that a claim holds, or of the window that is counted in. */
  readonly ms: number
  /** Milliseconds: how old what is claimed is. */
  readonly age?: number
}

export type Answer = boolean | number

/**
 * Nonces and counters of processes on one machine that have no Redis: one of them remembers. If each had its own, a
 * request could be replayed at the next process.
 * @param ask may never be answered
 */
export function createAskedState(ask: (question: Question) => Promise<Answer>): {
  readonly nonces: NonceStore
  readonly counters: Counters
} {
  return {
    // What cannot be asked has been used before, for all we know: the caller refuses.
    nonces: {
      claim: async (key, ms, age) =>
        (await answered(ask({ kind: 'claim', key, ms, ...(age !== undefined && { age }) }))) === true,
    },
    counters: { hit: async (key, ms) => Number(await answered(ask({ kind: 'hit', key, ms }))) },
  }
}

/** Milliseconds; a question travels through one pipe. */
const patience = 1_000

async function answered(answer: Promise<Answer>): Promise<Answer> {
  try {
    return await withDeadline(answer, patience)
  } catch (cause) {
    throw new SharedStateUnavailable('The supervisor does not answer', { cause })
  }
}

/** The side that remembers. @param now milliseconds of a clock that never goes back */
export function createAnswers(now: () => number): (question: Question) => Promise<Answer> {
  const nonces = createNonceStore({ now })
  const counters = createCounters({ now })
  return ({ kind, key, ms, age }) => (kind === 'claim' ? nonces.claim(key, ms, age) : counters.hit(key, ms))
}

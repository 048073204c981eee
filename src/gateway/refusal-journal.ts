import type { CompiledPolicy } from '../policy/compile.ts'
import { explain } from '../policy/decide.ts'
import type { Refusals, StoredRefusal } from '../store/ports.ts'
import type { Assessment } from './assess.ts'

/**
 * Keeps what was refused, so that `gatehouse explain REFERENCE` can tell why. Written in batches beside the request's
 * way: a flood of refusals costs the record one write in a while, and what does not fit the queue is counted, not kept.
 */
export class RefusalJournal {
  #waiting: StoredRefusal[] = []
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()
  readonly #options: JournalOptions

  constructor(options: JournalOptions) {
    this.#options = options
  }

  add(assessment: Assessment, at: number): void {
    if (this.#waiting.length >= queueLimit) {
      this.#options.onDropped()
      return
    }
    const { facts, state, decision, request } = assessment
    const policy = this.#options.policy()
    const explanation = explain(facts, state, policy, at)
    this.#waiting.push({
      reference: request.head.id,
      at,
      source: request.head.source,
      facts,
      explanation: { ...explanation, decision },
      policyDigest: policy.digest,
      ...(state !== undefined && { state, registration: state.registration.id }),
    })
    this.#timer ??= setTimeout(() => void this.flush(), flushAfter)
  }

  async flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const batch = this.#waiting
    this.#waiting = []
    if (batch.length === 0) return this.#writing
    this.#writing = this.#writing
      .then(() => this.#options.refusals.add(batch, retained))
      .catch((error) => this.#options.onError(error))
    return this.#writing
  }
}

const queueLimit = 1_000
const retained = 10_000
/** Milliseconds: short enough that an administrator never types a reference faster. */
const flushAfter = 200

export interface JournalOptions {
  readonly refusals: Refusals
  readonly policy: () => CompiledPolicy
  readonly onDropped: () => void
  readonly onError: (error: unknown) => void
}

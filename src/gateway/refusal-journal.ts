import type { Decision } from '../domain/decision.ts'
import type { ReasonCode } from '../domain/reason.ts'
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

  /** @param reason how the exchange ended, which may be otherwise than was decided */
  add({ facts, state, decision, request }: Assessment, reason: ReasonCode): void {
    if (this.#waiting.length >= queueLimit) {
      this.#options.onDropped()
      return
    }
    const at = request.head.receivedAt
    const policy = this.#options.policy()
    const explanation = explain(facts, state, policy, at)
    this.#waiting.push({
      reference: request.head.id,
      at,
      source: request.head.source,
      facts,
      explanation: { ...explanation, decision: ended(decision, reason) },
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

/** The page or message that holds the reference names this reason. */
function ended(decision: Decision, reason: ReasonCode): Decision {
  if (reason === decision.reason || decision.monitored) return decision
  const { rule, help } = decision
  return {
    verdict: 'refuse',
    reason,
    ...(rule !== undefined && { rule }),
    ...(help !== undefined && { help }),
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

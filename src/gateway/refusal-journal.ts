import type { Decision } from '../domain/decision.ts'
import type { ReasonCode } from '../domain/reason.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import { explain } from '../policy/decide.ts'
import type { Refusals, StoredRefusal } from '../store/ports.ts'
import type { Assessment } from './assess.ts'

/**
 * Keeps what was refused, so that `gatehouse explain REFERENCE` can tell why. Written in batches beside the request's
 * way: a flood of refusals costs the record one write in a while, and what does not fit the queue is counted, not kept.
 * One source has a part of it alone, so that its flood does not drive out what others are told to ask about.
 */
export class RefusalJournal {
  #waiting: StoredRefusal[] = []
  readonly #bySource = new Map<string, number>()
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()
  readonly #options: JournalOptions

  constructor(options: JournalOptions) {
    this.#options = options
  }

  /** @param reason how the exchange ended, which may be otherwise than was decided */
  add({ facts, state, decision, request }: Assessment, reason: ReasonCode): void {
    const { source } = request.head
    const ofSource = this.#bySource.get(source.address) ?? 0
    if (this.#waiting.length >= queueLimit || ofSource >= sourceLimit) {
      this.#options.onDropped()
      return
    }
    this.#bySource.set(source.address, ofSource + 1)
    const at = request.head.receivedAt
    const policy = this.#options.policy()
    const explanation = explain(facts, state, policy, at)
    this.#waiting.push({
      reference: request.head.id,
      at,
      source,
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
    this.#writing = this.#writing.then(() => this.#write())
    return this.#writing
  }

  /** Takes what waits when its turn comes: while the record is slow, no more waits than the queue holds. */
  async #write(): Promise<void> {
    const batch = this.#waiting
    this.#waiting = []
    this.#bySource.clear()
    if (batch.length === 0) return
    try {
      await this.#options.refusals.add(batch, retained)
    } catch (error) {
      this.#options.onError(error)
    }
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

/** In one batch, in all and from one source. */
const queueLimit = 200
const sourceLimit = 20
const retained = 10_000
/** Milliseconds: short enough that an administrator never types a reference faster. */
const flushAfter = 200

export interface JournalOptions {
  readonly refusals: Refusals
  readonly policy: () => CompiledPolicy
  readonly onDropped: () => void
  readonly onError: (error: unknown) => void
}

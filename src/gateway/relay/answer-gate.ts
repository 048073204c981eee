import { readableBody } from '../../clients/protocol.ts'
import type { Answer } from '../../domain/answer.ts'
import { decodeBody, type ObservedAnswer } from './observed-answer.ts'
import type { AnswerVerdict, ForwardOrder } from './order.ts'

/** What happens to the answer once the verdict is there. */
export interface GateKeeper {
  /** The verdict takes its time: no more of the answer meanwhile. */
  pause(): void
  pass(headers: readonly string[], held: readonly Uint8Array[]): void
  replace(answer: Answer): void
  /** There is no verdict: the answer must not pass. */
  fail(error: unknown): void
}

/**
 * Holds an answer back until the gateway has seen what it needs of it, and has given its verdict: so that a
 * registration is committed before the client learns that it was accepted. Holds the body only when asked to read it,
 * and what comes in although the upstream has been paused.
 */
export class AnswerGate {
  readonly #order: ForwardOrder
  readonly #keeper: GateKeeper
  readonly #answer: ObservedAnswer
  readonly #headers: string[]
  readonly #held: Uint8Array[] = []
  #heldBytes = 0
  #reading = false
  open = false

  constructor(
    order: ForwardOrder,
    keeper: GateKeeper,
    arrived: { answer: ObservedAnswer; headers: string[] },
  ) {
    this.#order = order
    this.#keeper = keeper
    this.#answer = arrived.answer
    this.#headers = arrived.headers
  }

  /** The answer's head is there. */
  begin(): void {
    const { head, readsAnswer } = this.#order
    const { status } = this.#answer
    const empty = head.method === 'HEAD' || status === 101 || status === 204 || status === 304
    this.#guarded(() => {
      this.#reading = !empty && readsAnswer?.(this.#answer) === true
      if (!this.#reading) this.#ask(this.#answer)
    })
  }

  hold(chunk: Uint8Array): void {
    this.#held.push(chunk)
    this.#heldBytes += chunk.byteLength
    if (!this.#reading || this.#heldBytes <= readableBody) return
    this.#reading = false
    this.#guarded(() => this.#ask(this.#answer))
  }

  /** The answer's body is complete. */
  end(): void {
    if (!this.#reading) return
    this.#reading = false
    const encoding = this.#answer.headers.findLast(([name]) => name === 'content-encoding')?.[1]
    decodeBody(Buffer.concat(this.#held), encoding)
      .then((body) => this.#ask(body === undefined ? this.#answer : this.#answer.withBody(body)))
      .catch((error: unknown) => this.#keeper.fail(error))
  }

  /** Asked once; a verdict that is there at once is carried out at once. */
  #ask(answer: ObservedAnswer): void {
    const verdict = this.#order.onAnswer?.(answer)
    if (!(verdict instanceof Promise)) {
      this.#carryOut(verdict)
      return
    }
    this.#keeper.pause()
    verdict.then((settled) => this.#carryOut(settled)).catch((error: unknown) => this.#keeper.fail(error))
  }

  #carryOut(verdict: AnswerVerdict | undefined): void {
    this.open = true
    if (verdict === undefined) this.#keeper.pass(this.#headers, this.#held)
    else if ('replace' in verdict) this.#keeper.replace(verdict.replace)
    else this.#keeper.pass([...this.#headers, ...verdict.addHeaders], this.#held)
  }

  #guarded(step: () => void): void {
    try {
      step()
    } catch (error) {
      this.#keeper.fail(error)
    }
  }
}

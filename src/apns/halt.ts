import { textOf } from './answers.ts'
import type { Answered, Outcome } from './outcome.ts'

/** So many answers that each say "not this token", and none that says otherwise, are about us. */
export const suspicious = 10
/** After a fault that is everybody's, one push tries again after this. */
const probeAfter = 30 * 60_000

/** A fault that is everybody's: nobody is pushed to until then, and then one device first. */
export interface Halt {
  readonly until: number
}

export interface HaltOptions {
  readonly now: () => number
  /** Pushing has stopped for everybody, and why; or goes on. */
  readonly onCondition: (ok: boolean, detail?: string) => void
}

/** Whether anybody is pushed to. A wrong certificate or topic says so with each push: going on would make Apple angry. */
export class Halts {
  readonly #options: HaltOptions
  #present: Halt | undefined
  #told: boolean | undefined

  constructor(options: HaltOptions) {
    this.#options = options
  }

  get present(): Halt | undefined {
    return this.#present
  }

  halt(why: string): void {
    const { now } = this.#options
    const since = now()
    this.#present = {
      /** A clock that was set back since makes it no longer. */
      get until() {
        const at = now()
        return at < since ? at : since + probeAfter
      },
    }
    this.#told = false
    const detail = `Apple refuses every push: ${why}. Is it the right push certificate, and not expired?`
    this.#options.onCondition(false, detail)
  }

  /** Another certificate may know better. */
  lift(): void {
    this.#present = undefined
  }

  /** A push that began during `probed`, or without a halt, was answered in a way that speaks for us. */
  vouch(probed: Halt | undefined): void {
    if (this.#present !== probed) return
    this.lift()
    if (this.#told === true) return
    this.#told = true
    this.#options.onCondition(true)
  }
}

export function speaksForUs({ answer, verdict }: Answered): boolean {
  return verdict === 'accepted' || answer.status === 410
}

/** Either the token is bad, or all of them are, since we talk to the wrong environment. */
export function doubtsToken(outcome: Outcome): outcome is Answered {
  return outcome.kind === 'answered' && outcome.verdict === 'dead-token' && outcome.answer.status === 400
}

/** Why nobody is to be pushed to, by one answer alone. */
export function refusesUs(outcome: Outcome): string | undefined {
  return outcome.kind === 'answered' && outcome.verdict === 'stop' ? textOf(outcome.answer) : undefined
}

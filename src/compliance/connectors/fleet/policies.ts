import type { PolicyVerdict } from './device.ts'

/**
 * The answers of hosts to the chosen policies: who fails any is noncompliant, who passes all is compliant, and a host
 * that has not answered one of them is unknown.
 */
export class PolicyAnswers {
  /** At most 20, so that a host's passes fit into the bits of a number. */
  readonly #policies: readonly string[]
  readonly #failing = new Map<string, string>()
  readonly #passes = new Map<string, number>()

  constructor(policies: readonly string[]) {
    this.#policies = policies
  }

  fails(host: string, policy: string): void {
    this.#failing.set(host, policy)
  }

  passes(host: string, policy: string): void {
    const bit = 1 << this.#policies.indexOf(policy)
    this.#passes.set(host, (this.#passes.get(host) ?? 0) | bit)
  }

  judge(host: string): PolicyVerdict {
    const failed = this.#failing.get(host)
    if (failed !== undefined)
      return { compliance: 'noncompliant', reasons: [`fails Fleet’s policy ${failed}`] }
    const all = 2 ** this.#policies.length - 1
    if (this.#passes.get(host) === all) return { compliance: 'compliant', reasons: [] }
    return { compliance: 'unknown', reasons: ['has not answered all of the policies'] }
  }
}

export interface ConditionsOptions {
  readonly onCondition: (ok: boolean, detail?: string) => void
}

type Part = 'connection' | 'answers' | 'foreign' | 'refused'

/** So long a complaint stands that nothing but its own absence ends. */
const complaintStands = 60_000

/** How Redis is, out of several signs: told once when it is no longer well, and once when it is again. */
export class Conditions {
  readonly #options: ConditionsOptions
  readonly #problems = new Map<Part, string>()
  readonly #timers = new Map<Part, NodeJS.Timeout>()
  #told = true
  #closed = false

  constructor(options: ConditionsOptions) {
    this.#options = options
  }

  set(part: Part, problem: string | undefined): void {
    if (this.#closed) return
    if (problem === undefined) this.#problems.delete(part)
    else this.#problems.set(part, problem)
    const [first] = this.#problems.values()
    if ((first === undefined) === this.#told) return
    this.#told = first === undefined
    if (first === undefined) this.#options.onCondition(true)
    else this.#options.onCondition(false, first)
  }

  /** Keys of another type: nobody of ours makes them. */
  foreignKey(): void {
    this.#complain(
      'foreign',
      'keys under gatehouse: have another type: something else uses this Redis under the same names',
    )
  }

  refused(reply: string): void {
    this.#complain('refused', reply)
  }

  close(): void {
    this.#closed = true
    for (const timer of this.#timers.values()) clearTimeout(timer)
  }

  #complain(part: Part, problem: string): void {
    if (this.#closed) return
    clearTimeout(this.#timers.get(part))
    this.#timers.set(part, setTimeout(() => this.set(part, undefined), complaintStands).unref())
    this.set(part, problem)
  }
}

/** The conditions that readiness reports: each part says how it is, and a change of condition is logged once. */
export interface Condition {
  readonly ok: boolean
  /** For people: what is wrong, since when. Free of secrets. */
  readonly detail?: string
}

/** What `/readyz` tells. */
export interface HealthReport {
  readonly ready: boolean
  readonly draining: boolean
  readonly parts: Readonly<Record<string, Condition>>
}

/** How a part is, seen from one side. */
interface Aspect extends Condition {
  readonly essential: boolean
}

export class Health {
  readonly #parts = new Map<string, Map<string, Aspect>>()
  readonly #onChange: (part: string, condition: Condition) => void
  readonly #onReport: (report: HealthReport) => void
  #draining = false

  /**
   * @param onChange a part has failed, or recovered
   * @param onReport anything of the report has changed
   */
  constructor(
    onChange: (part: string, condition: Condition) => void,
    onReport: (report: HealthReport) => void = () => {},
  ) {
    this.#onChange = onChange
    this.#onReport = onReport
  }

  /**
   * @param essential without this part the process should get no traffic
   * @param aspect of a part that can fail in several ways: it is well when all of them are, and that one gets
   *   well says nothing of another
   */
  set(part: string, condition: Condition, essential: boolean, aspect = ''): void {
    const before = this.#of(part)
    const aspects = this.#parts.get(part) ?? new Map<string, Aspect>()
    this.#parts.set(part, aspects.set(aspect, { ...condition, essential }))
    const { ok, detail, essential: gravely } = worst(aspects)
    const news = before === undefined || before.detail === 'starting' ? !ok : before.ok !== ok
    if (news) this.#onChange(part, detail === undefined ? { ok } : { ok, detail })
    if (before?.ok !== ok || before.detail !== detail || before.essential !== gravely)
      this.#onReport(this.report())
  }

  /** A part that is not there yet: not ready, and nothing that has failed. */
  begin(part: string): void {
    this.#parts.set(part, new Map([['', { ok: false, detail: 'starting', essential: true }]]))
  }

  drain(): void {
    this.#draining = true
    this.#onReport(this.report())
  }

  report(): HealthReport {
    const parts = [...this.#parts].map(([part, aspects]) => [part, worst(aspects)] as const)
    return {
      ready: !this.#draining && parts.every(([, { ok, essential }]) => ok || !essential),
      draining: this.#draining,
      parts: Object.fromEntries(
        parts.map(([part, { ok, detail }]) => [part, detail === undefined ? { ok } : { ok, detail }]),
      ),
    }
  }

  #of(part: string): Aspect | undefined {
    const aspects = this.#parts.get(part)
    return aspects && worst(aspects)
  }
}

/** What is essential is told first. */
function worst(aspects: ReadonlyMap<string, Aspect>): Aspect {
  const bad = [...aspects.values()].filter(({ ok }) => !ok)
  return bad.find(({ essential }) => essential) ?? bad[0] ?? { ok: true, essential: false }
}

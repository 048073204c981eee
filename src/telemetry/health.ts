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

export class Health {
  readonly #conditions = new Map<string, Condition & { readonly essential: boolean }>()
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

  /** @param essential without this part the process should get no traffic */
  set(part: string, condition: Condition, essential: boolean): void {
    const before = this.#conditions.get(part)
    this.#conditions.set(part, { ...condition, essential })
    const news =
      before === undefined || before.detail === 'starting' ? !condition.ok : before.ok !== condition.ok
    if (news) this.#onChange(part, condition)
    const { ok, detail } = condition
    if (before?.ok !== ok || before.detail !== detail || before.essential !== essential)
      this.#onReport(this.report())
  }

  /** A part that is not there yet: not ready, and nothing that has failed. */
  begin(part: string): void {
    this.#conditions.set(part, { ok: false, detail: 'starting', essential: true })
  }

  drain(): void {
    this.#draining = true
    this.#onReport(this.report())
  }

  report(): HealthReport {
    const parts = [...this.#conditions]
    return {
      ready: !this.#draining && parts.every(([, { ok, essential }]) => ok || !essential),
      draining: this.#draining,
      parts: Object.fromEntries(
        parts.map(([part, { ok, detail }]) => [part, detail === undefined ? { ok } : { ok, detail }]),
      ),
    }
  }
}

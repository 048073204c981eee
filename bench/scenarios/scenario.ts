/** One thing that is measured: a file of this folder, a line of `table.ts`. Prints its own table when it is done. */
export interface Scenario {
  readonly name: string
  /** What the figures say. */
  readonly summary: string
  readonly options: Readonly<Record<string, ScenarioOption>>
  /** @param values of the options, those that were not given included */
  run(values: Readonly<Record<string, number>>): Promise<void>
}

export interface ScenarioOption {
  readonly default: number
  readonly description: string
}

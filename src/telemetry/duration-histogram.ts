import type { MetricObjectWithValues, MetricType, MetricValueWithName } from 'prom-client'

/**
 * A histogram with one label, in prom-client's registry but not of its make: that one validates and hashes its labels at
 * each observation, of which there are two for each request. Here an observation adds to two numbers.
 */
export class DurationHistogram {
  readonly name: string
  readonly help: string
  readonly #label: string
  /** Upper bounds in seconds, rising; what is above the last counts for `+Inf` alone. */
  readonly #bounds: readonly number[]
  readonly #series = new Map<string, Series>()

  constructor(options: {
    readonly name: string
    readonly help: string
    readonly label: string
    readonly bounds: readonly number[]
  }) {
    this.name = options.name
    this.help = options.help
    this.#label = options.label
    this.#bounds = options.bounds
  }

  /** @returns what to call with the seconds that something took */
  of(label: string): (seconds: number) => void {
    const bounds = this.#bounds
    const series = this.#series.get(label) ?? { counts: new Array<number>(bounds.length + 1).fill(0), sum: 0 }
    this.#series.set(label, series)
    return (seconds) => {
      let bucket = 0
      while (bucket < bounds.length && seconds > (bounds[bucket] as number)) bucket++
      series.counts[bucket] = (series.counts[bucket] as number) + 1
      series.sum += seconds
    }
  }

  /** What prom-client's registry asks of a metric when it is read. */
  async get(): Promise<Omit<MetricObjectWithValues<MetricValueWithName<string>>, 'collect'>> {
    const values = [...this.#series].flatMap(([label, series]) => this.#valuesOf(label, series))
    // The cast: prom-client declares the kinds as an enum that has no values at run time.
    return {
      name: this.name,
      help: this.help,
      type: 'histogram' as unknown as MetricType,
      aggregator: 'sum',
      values,
    }
  }

  reset(): void {
    this.#series.clear()
  }

  #valuesOf(label: string, { counts, sum }: Series): MetricValueWithName<string>[] {
    const labels = { [this.#label]: label }
    let total = 0
    const buckets = counts.map((count, index) => {
      total += count
      const le = this.#bounds[index] ?? '+Inf'
      return { metricName: `${this.name}_bucket`, labels: { le, ...labels }, value: total }
    })
    return [
      ...buckets,
      { metricName: `${this.name}_sum`, labels, value: sum },
      { metricName: `${this.name}_count`, labels, value: total },
    ]
  }
}

interface Series {
  /** Observations in each bucket alone; the text format wants them summed up. */
  readonly counts: number[]
  sum: number
}

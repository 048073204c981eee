import { AggregatorRegistry, type Registry } from 'prom-client'

/** One metric with its values, as `Registry.getMetricsAsJSON` gives it; plain, to be sent from process to process. */
export interface MetricSnapshot {
  readonly name: string
  readonly type: string
  readonly [member: string]: unknown
}

export interface ProcessMetrics {
  readonly metrics: readonly MetricSnapshot[]
  /** Gauges of a process that does not serve yet, or no more, say nothing. */
  readonly serves: boolean
}

/**
 * Metrics of several processes as those of one. What a process has counted stays counted when it ends: sums that
 * went back would look like a restart to whoever computes rates.
 */
export class MetricsOfTheWhole {
  #ended: readonly MetricSnapshot[] = []
  #summing: Promise<void> = Promise.resolve()

  /** A process has ended; these are the last values that it told. */
  end(metrics: readonly MetricSnapshot[]): Promise<void> {
    this.#summing = this.#summing.then(async () => {
      this.#ended = await snapshot(aggregate([this.#ended, metrics.filter(isCounting)]))
    })
    return this.#summing
  }

  /** The text of `/metrics`. */
  async text(processes: readonly ProcessMetrics[]): Promise<string> {
    await this.#summing
    const present = processes.map(({ metrics, serves }) => (serves ? metrics : metrics.filter(isCounting)))
    return aggregate([...present, this.#ended]).metrics()
  }
}

export async function snapshot(registry: Registry): Promise<readonly MetricSnapshot[]> {
  // The cast: prom-client's type of a metric is an interface, which has no index signature.
  return (await registry.getMetricsAsJSON()) as unknown as readonly MetricSnapshot[]
}

function isCounting({ type }: MetricSnapshot): boolean {
  return type === 'counter' || type === 'histogram'
}

function aggregate(processes: readonly (readonly MetricSnapshot[])[]): Registry {
  return AggregatorRegistry.aggregate([...processes])
}

import { Histogram, Registry } from 'prom-client'
import t from 'tap'
import { DurationHistogram } from '../../src/telemetry/duration-histogram.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'

t.test('what it shows is what prom-client’s own histogram shows', async (t) => {
  const bounds = [0.01, 0.1, 1]
  const options = { name: 'seconds', help: 'Time taken' }
  const registry = new Registry()
  const reference = new Histogram({
    ...options,
    labelNames: ['service'],
    buckets: bounds,
    registers: [registry],
  })
  const ours = new DurationHistogram({ ...options, label: 'service', bounds })
  const other = new Registry()
  other.registerMetric(ours as never)
  for (const [service, seconds] of [
    ['a', 0.01],
    ['a', 0.011],
    ['b', 5],
    ['a', 0],
    ['b', 1],
  ] as const) {
    reference.labels(service).observe(seconds)
    ours.of(service)(seconds)
  }
  t.equal(await other.metrics(), await registry.metrics())
})

t.test('histograms are among the metrics that are read', async (t) => {
  const metrics = createMetrics()
  metrics.duration.of('chat')(0.2)
  t.match(
    await metrics.registry.metrics(),
    /gatehouse_exchange_duration_seconds_bucket\{le="0.25",service="chat"\} 1/,
  )
})

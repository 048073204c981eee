import t from 'tap'
import { BackOff } from '../../src/supervisor/back-off.ts'
import { healthOfTheWhole } from '../../src/supervisor/health-of-the-whole.ts'
import type { Condition } from '../../src/telemetry/health.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { MetricsOfTheWhole, snapshot } from '../../src/telemetry/metrics-of-the-whole.ts'

t.test(
  'a process is replaced at once, and ever later while it keeps ending, at most every ten seconds',
  async (t) => {
    const backOff = new BackOff()
    const waits = Array.from({ length: 12 }, () => backOff.next(50))
    t.strictSame(waits.slice(0, 5), [0, 100, 200, 400, 800])
    t.equal(waits.at(-1), 10_000)
    t.equal(backOff.next(3_600_000), 0, 'it had lived for long')
  },
)

function processes(...parts: (Record<string, Condition> | undefined)[]) {
  return parts.map((part) => ({
    serves: part !== undefined,
    report: part && { ready: Object.values(part).every(({ ok }) => ok), draining: false, parts: part },
  }))
}

t.test('the whole is ready while at least half of the processes are', async (t) => {
  const well = { record: { ok: true } }
  t.match(healthOfTheWhole(processes(well, well), false), { ready: true, parts: { processes: { ok: true } } })
  t.match(healthOfTheWhole(processes(well, undefined), false), {
    ready: true,
    parts: { processes: { ok: false, detail: '1 of 2 gateway processes serve' } },
  })
  t.match(healthOfTheWhole(processes(well, undefined, undefined), false), { ready: false })
  t.match(healthOfTheWhole(processes(undefined), false), { ready: false })
  t.match(healthOfTheWhole(processes(well, well), true), { ready: false, draining: true })
})

t.test('a part that fails in some processes says in how many', async (t) => {
  const well = { record: { ok: true } }
  const ill = { record: { ok: false, detail: 'locked' } }
  const detail = (...parts: Record<string, Condition>[]) =>
    healthOfTheWhole(processes(...parts), false).parts.record?.detail
  t.equal(detail(ill, ill), 'locked')
  t.equal(detail(well, ill), 'locked (1 of 2 processes)')
  t.equal(detail(well, well), undefined)
})

async function counted(registrations: number, open: number, seconds: readonly number[]) {
  const metrics = createMetrics()
  metrics.registrations.labels('mail').inc(registrations)
  metrics.open.set(open)
  metrics.policyGood.set(open === 0 ? 0 : 1)
  for (const duration of seconds) metrics.duration.of('mail')(duration)
  // As it travels between processes.
  return JSON.parse(JSON.stringify(await snapshot(metrics.registry)))
}

t.test('counters and histograms are summed up, gauges as each one’s meaning asks', async (t) => {
  const whole = new MetricsOfTheWhole()
  const [first, second] = [await counted(2, 5, [0.02]), await counted(3, 0, [0.02, 700])]
  const text = await whole.text([
    { metrics: first, serves: true },
    { metrics: second, serves: true },
  ])
  t.match(text, /^gatehouse_registrations_total\{service="mail"\} 5$/m)
  t.match(text, /^gatehouse_exchange_duration_seconds_bucket\{le="0.025",service="mail"\} 2$/m)
  t.match(text, /^gatehouse_exchange_duration_seconds_bucket\{le="\+Inf",service="mail"\} 3$/m)
  t.match(text, /^gatehouse_exchange_duration_seconds_count\{service="mail"\} 3$/m)
  t.match(text, /^gatehouse_open_exchanges 5$/m, 'sum')
  t.match(text, /^gatehouse_policy_last_reload_success 0$/m, 'the worst')
  t.notMatch(text, /^gatehouse_record_available /m, 'what nobody has said')
})

t.test('what a process has counted stays when it ends; its gauges go', async (t) => {
  const whole = new MetricsOfTheWhole()
  await Promise.all([whole.end(await counted(2, 5, [0.02])), whole.end(await counted(1, 7, [0.02]))])
  await whole.end([])
  const text = await whole.text([{ metrics: await counted(3, 1, [0.02]), serves: true }])
  t.match(text, /^gatehouse_registrations_total\{service="mail"\} 6$/m)
  t.match(text, /^gatehouse_exchange_duration_seconds_bucket\{le="0.025",service="mail"\} 3$/m)
  t.match(text, /^gatehouse_open_exchanges 1$/m)
  const starting = await whole.text([{ metrics: await counted(3, 1, []), serves: false }])
  t.match(starting, /^gatehouse_registrations_total\{service="mail"\} 6$/m)
  t.notMatch(starting, /^gatehouse_open_exchanges/m)
})

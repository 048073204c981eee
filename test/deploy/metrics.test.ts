import { readFileSync } from 'node:fs'
import t from 'tap'
import { parse } from 'yaml'
import { reasons } from '../../src/domain/reason.ts'
import { type MetricDefinition, metricDefinitions } from '../../src/telemetry/metrics.ts'

const root = new URL('../..', import.meta.url)
const definitions: readonly MetricDefinition[] = Object.values(metricDefinitions)

interface Expression {
  readonly where: string
  readonly text: string
}

interface RuleFile {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly alert: string
      readonly expr: string
      readonly labels?: { readonly severity?: string }
      readonly annotations?: { readonly summary?: string; readonly action?: string }
    }[]
  }[]
}

const rules = (
  parse(readFileSync(new URL('deploy/prometheus/gatehouse-rules.yml', root), 'utf8')) as RuleFile
).groups.flatMap((group) => group.rules)

const dashboard = readFileSync(new URL('deploy/grafana/gatehouse.json', root), 'utf8')

const alerts: readonly Expression[] = rules.map(({ alert, expr }) => ({ where: alert, text: expr }))

const expressions: readonly Expression[] = [...alerts, ...expressionsOf(JSON.parse(dashboard), 'dashboard')]

/** Every PromQL text of the dashboard: `expr` of targets and annotations, `query` of variables. */
function expressionsOf(value: unknown, where: string): Expression[] {
  if (Array.isArray(value)) return value.flatMap((one) => expressionsOf(one, where))
  if (typeof value !== 'object' || value === null) return []
  const title = 'title' in value && typeof value.title === 'string' ? value.title : where
  return Object.entries(value).flatMap(([key, inner]) =>
    (key === 'expr' || key === 'query') && typeof inner === 'string'
      ? [{ where: title, text: inner }]
      : expressionsOf(inner, title),
  )
}

/** What Prometheus calls the series of a metric. */
function seriesOf({ kind, name }: MetricDefinition): readonly string[] {
  return kind === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name]
}

const bySeries = new Map(
  definitions.flatMap((metric) => seriesOf(metric).map((name) => [name, metric] as const)),
)
const added = ['instance', 'job', 'le']

t.test('alert rules and dashboard ask for metrics that exist', async (t) => {
  t.ok(alerts.length > 10)
  t.ok(expressions.length > 25)
  for (const { where, text } of expressions)
    for (const name of text.match(/\bgatehouse_\w+/g) ?? []) t.ok(bySeries.has(name), `${where}: ${name}`)
})

t.test('they select and group by labels that these metrics have', async (t) => {
  for (const { where, text } of expressions) {
    const labels = [...text.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, label]) => label ?? '')
    const groups = [...text.matchAll(/\bby\s*\(([^)]*)\)/g)].flatMap(([, list]) => (list ?? '').split(','))
    const known = new Set(
      (text.match(/\bgatehouse_\w+/g) ?? []).flatMap((name) => bySeries.get(name)?.labels ?? []),
    )
    for (const label of [...labels, ...groups.map((group) => group.trim())])
      t.ok(known.has(label) || added.includes(label), `${where}: ${label}`)
  }
})

t.test('they name reasons that exist', async (t) => {
  for (const { where, text } of expressions)
    for (const [, reason] of text.matchAll(/reason="([^"]+)"/g))
      t.ok(Object.hasOwn(reasons, reason ?? ''), `${where}: ${reason}`)
})

t.test('an alert says what has happened, what to do first, and how urgent it is', async (t) => {
  for (const { alert, labels, annotations } of rules) {
    t.ok(annotations?.summary, alert)
    t.ok(annotations?.action, alert)
    t.ok(['page', 'ticket'].includes(labels?.severity ?? ''), alert)
  }
  t.strictSame(
    [...new Set(rules.map(({ alert }) => alert))].length,
    rules.length,
    'each has a name of its own',
  )
})

t.test('every metric is on the dashboard or in an alert', async (t) => {
  const asked = expressions.map(({ text }) => text).join('\n')
  const unseen = definitions.filter((metric) => !seriesOf(metric).some((name) => asked.includes(name)))
  t.strictSame(
    unseen.map(({ name }) => name),
    [],
  )
})

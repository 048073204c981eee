import type { Condition, HealthReport } from '../telemetry/health.ts'

export interface ProcessHealth {
  /** Undefined: it has not told yet. */
  readonly report: HealthReport | undefined
  readonly serves: boolean
}

/**
 * The readiness of several gateway processes as one: ready while at least half of them are, since the others' connections go to
 * these. A part is well when every process that serves says so; otherwise it tells what the first one says, and of how many.
 * @param beside the parts of a process that carries no exchanges; of those that the others have too, these tell
 */
export function healthOfTheWhole(
  processes: readonly ProcessHealth[],
  draining: boolean,
  beside: HealthReport['parts'] = {},
): HealthReport {
  const serving = processes.flatMap(({ report, serves }) => (serves && report !== undefined ? [report] : []))
  const ready = serving.filter((report) => report.ready).length
  const enough = Math.ceil(processes.length / 2)
  const told = serving.length > 0 ? serving : processes.flatMap(({ report }) => report ?? [])
  return {
    ready: !draining && ready >= enough,
    draining,
    parts: { ...beside, ...merged(told), processes: countOf(serving.length, processes.length) },
  }
}

function countOf(serving: number, wanted: number): Condition {
  return serving === wanted
    ? { ok: true }
    : { ok: false, detail: `${serving} of ${wanted} gateway processes serve` }
}

function merged(reports: readonly HealthReport[]): Record<string, Condition> {
  const names = new Set(reports.flatMap(({ parts }) => Object.keys(parts)))
  return Object.fromEntries([...names].map((name) => [name, conditionOf(name, reports)]))
}

function conditionOf(name: string, reports: readonly HealthReport[]): Condition {
  const bad = reports.flatMap(({ parts }) => {
    const condition = parts[name]
    return condition === undefined || condition.ok ? [] : [condition]
  })
  const [first] = bad
  if (first === undefined) return { ok: true }
  if (bad.length === reports.length) return first
  return { ok: false, detail: `${first.detail ?? 'failed'} (${bad.length} of ${reports.length} processes)` }
}

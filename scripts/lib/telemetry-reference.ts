import { accessLogFields } from '../../src/gateway/record.ts'
import { durationBuckets, metricDefinitions } from '../../src/telemetry/metrics.ts'

/** docs/reference/metrics.md */
export function metricsReference(): string {
  const rows = Object.values(metricDefinitions).map(
    ({ name, labels, help, ...rest }) =>
      `| \`${name}\` | ${rest.kind} | ${rest.kind === 'gauge' ? rest.across : 'sum'} | ${labels.map((label) => `\`${label}\``).join(', ') || '–'} | ${help} |`,
  )
  return [
    '# Metrics',
    '',
    '`/metrics` on the management listener, in the Prometheus text format. No user, device or path is ever a label.',
    '',
    'With several gateway processes the values are those of all of them together: *across* says how. Counters and',
    'histograms keep what a process counted that has ended; gauges are of the processes that serve.',
    '',
    '| metric | kind | across | labels | meaning |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
    '',
    `Buckets of the histograms, in seconds: ${durationBuckets.join(', ')}.`,
    '',
  ].join('\n')
}

/** docs/reference/access-log.md */
export function accessLogReference(): string {
  const rows = Object.entries(accessLogFields).map(([field, meaning]) => `| \`${field}\` | ${meaning} |`)
  return [
    '# The access log',
    '',
    'One JSON object a line on standard output, one line for each request, written when it has ended. Besides the fields',
    'below it has `level`, `time` (RFC 3339, UTC) and `msg: "exchange"`. A field that has nothing to say is left out.',
    'A request that never became one (not HTTP, or ambiguous) has a `detail` that says what was wrong with it.',
    '',
    '| field | meaning |',
    '| --- | --- |',
    ...rows,
    '',
  ].join('\n')
}

import type { Reason } from '../../src/domain/reason.ts'

/** `docs/reference/reasons.md`: every reason code, what the user reads and what the administrator can do. */
export function reasonsReference(reasons: Readonly<Record<string, Reason>>): string {
  const groups = Map.groupBy(Object.entries(reasons), ([code]) => code.slice(0, code.indexOf('.')))
  const sections = [...groups].map(([group, entries]) => `## ${group}\n\n${table(entries)}`)
  return `${[intro, ...sections].join('\n\n')}\n`
}

const intro = `# Reason codes

Every exchange ends with one of these codes. It stands in the access log (\`reason\`), in audit records, in problem documents
and on the page that a refused user sees, together with a reference id: \`gatehouse explain ID\` shows the decision step by
step. The status is what programs get; clients with terms of their own (ActiveSync, Lync, Matrix) get theirs.`

function table(entries: readonly (readonly [string, Reason])[]): string {
  const rows = entries.map(([code, { status, sentence, operator }]) =>
    [`\`${code}\``, String(status), sentence, operator].map(cell).join(' | '),
  )
  return [
    '| code | status | what the user reads | what is behind it |',
    '| --- | --- | --- | --- |',
    ...rows.map((row) => `| ${row} |`),
  ].join('\n')
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}

import type { AuditRecord } from '../domain/audit.ts'
import { localTime, table } from './output.ts'

export function auditTable(records: readonly AuditRecord[]): string {
  return table(
    ['#', 'time', 'action', 'actor', 'subject', 'why and details'],
    records.map(({ sequence, at, action, actor, subject, why, details }) => [
      String(sequence),
      localTime(at),
      action,
      actor,
      subject,
      [why, ...Object.entries(details).map(([name, value]) => `${name}=${String(value)}`)]
        .filter((part) => part !== undefined)
        .join(' '),
    ]),
  )
}

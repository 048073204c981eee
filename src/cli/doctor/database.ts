import type { PostgresSettings } from '../../settings/settings.ts'
import { describeLocation } from '../../store/location.ts'
import type { MigrationStatus } from '../../store/migrate.ts'
import { inspectPostgres, type PostgresInspection } from '../../store/postgres.ts'
import { type Finding, fail, ok, warn } from './finding.ts'

/** Milliseconds. Each look at an unknown device waits for this long, and each registration some ten times. */
const slow = 20
/** Milliseconds by which machines that are kept in time do not differ. */
const apart = 2_000

/** What PostgreSQL says of itself. Changes nothing. @throws RecordUnavailable */
export async function inspectDatabase(
  store: PostgresSettings,
  now: () => number,
): Promise<{ readonly migrations: MigrationStatus; readonly findings: readonly Finding[] }> {
  const about = describeLocation(store)
  const facts = await inspectPostgres(store, now)
  const { version, latency, migrations } = facts
  const speed = `PostgreSQL ${version} answers in ${latency.toFixed(1)} ms`
  const findings = [
    latency > slow ? warn(about, speed, 'put the database nearer to the gateways') : ok(about, speed),
    ...encryption(store, facts),
    ...durability(store, facts),
    ...clock(store, facts),
  ]
  return { migrations, findings }
}

function encryption(store: PostgresSettings, { encrypted }: PostgresInspection): Finding[] {
  const about = describeLocation(store)
  if (encrypted) return [ok(about, 'the connection is encrypted, the server’s certificate verified')]
  if (/^(127\.|::1$|localhost$)/.test(store.host)) return []
  return [warn(about, 'the connection is not encrypted', 'set `store.tls` when others share that network')]
}

function durability(
  store: PostgresSettings,
  { fsync, standby, synchronousCommit }: PostgresInspection,
): Finding[] {
  const about = describeLocation(store)
  const findings: Finding[] = []
  if (standby)
    findings.push(fail(about, 'it is a standby and takes no writes', 'name the primary in `store`'))
  if (!fsync)
    findings.push(
      warn(
        about,
        'fsync is off: a power failure can destroy the record',
        'set fsync = on in postgresql.conf',
      ),
    )
  if (!synchronousCommit)
    findings.push(ok(about, 'synchronous_commit is off; Gatehouse turns it on for its own writes'))
  return findings
}

function clock(store: PostgresSettings, { clockAhead }: PostgresInspection): Finding[] {
  if (Math.abs(clockAhead) <= apart) return []
  const seconds = (Math.abs(clockAhead) / 1000).toFixed(1)
  const message = `its clock is ${seconds} s ${clockAhead > 0 ? 'ahead of' : 'behind'} this machine’s`
  return [warn(describeLocation(store), message, 'keep both with NTP')]
}

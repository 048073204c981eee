import { existsSync } from 'node:fs'
import type { StoreSettings } from '../../settings/settings.ts'
import { RecordUnavailable } from '../../store/errors.ts'
import { describeLocation } from '../../store/location.ts'
import type { MigrationStatus } from '../../store/migrate.ts'
import { openStore, recordMigrationStatus } from '../../store/open.ts'
import { localTime } from '../output.ts'
import { inspectDatabase } from './database.ts'
import { type DoctorContext, type Finding, fail, ok, warn } from './finding.ts'

/** Machines that are kept in time differ by less. */
const tolerance = 60_000

/** Does the record answer, and is its newest entry older than the clock? Start dates and expiries hang on that. */
export async function checkClock({ settings: { store }, now }: DoctorContext): Promise<Finding[]> {
  const about = describeLocation(store)
  if (store.kind === 'sqlite' && !existsSync(store.path))
    return [warn(about, 'there is no record yet', 'it is made when the gateway first starts')]
  try {
    const { migrations, findings } = await look(store, now)
    if (migrations.pending.length === 0) return [...findings, await compare(store, now())]
    const due = `${migrations.pending.length} migrations are due`
    return [...findings, warn(about, due, 'gatehouse migrate, or the next start, takes them')]
  } catch (error) {
    if (!(error instanceof RecordUnavailable)) throw error
    const advice =
      store.kind === 'sqlite'
        ? 'check its file, its mode and the disk'
        : 'check `store` in the settings, the server and the way to it'
    return [fail(about, `the record does not answer: ${error.message}`, advice)]
  }
}

interface Look {
  readonly migrations: MigrationStatus
  readonly findings: readonly Finding[]
}

async function look(store: StoreSettings, now: () => number): Promise<Look> {
  if (store.kind === 'postgres') return inspectDatabase(store, now)
  const migrations = await recordMigrationStatus(store)
  return { migrations, findings: migrations.pending.length > 0 ? [] : [ok(store.path, 'the record answers')] }
}

async function compare(location: StoreSettings, now: number): Promise<Finding> {
  const store = await openStore(location, { now: () => now })
  try {
    const [newest] = await store.audit.list({ limit: 1 })
    if (newest === undefined || newest.at <= now + tolerance) return ok('clock', localTime(now))
    const message = `it shows ${localTime(now)}, and the record’s newest entry is of ${localTime(newest.at)}`
    return fail('clock', message, 'the clock has gone back: set it, and keep it with NTP')
  } finally {
    await store.close()
  }
}

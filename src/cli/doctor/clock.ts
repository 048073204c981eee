import { existsSync } from 'node:fs'
import { RecordUnavailable } from '../../store/errors.ts'
import { openSqliteStore, sqliteMigrationStatus } from '../../store/sqlite.ts'
import { localTime } from '../output.ts'
import { type DoctorContext, type Finding, fail, ok, warn } from './finding.ts'

/** Machines that are kept in time differ by less. */
const tolerance = 60_000

/** Does the record answer, and is its newest entry older than the clock? Start dates and expiries hang on that. */
export async function checkClock({ settings, now }: DoctorContext): Promise<Finding[]> {
  const { path } = settings.store
  if (!existsSync(path))
    return [warn(path, 'there is no record yet', 'it is made when the gateway first starts')]
  try {
    const { pending } = await sqliteMigrationStatus(path)
    if (pending.length > 0)
      return [
        warn(
          path,
          `${pending.length} migrations are due`,
          'gatehouse migrate, or the next start, takes them',
        ),
      ]
    return [ok(path, 'the record answers'), await compare(path, now())]
  } catch (error) {
    if (!(error instanceof RecordUnavailable)) throw error
    return [
      fail(path, `the record does not answer: ${error.message}`, 'check its file, its mode and the disk'),
    ]
  }
}

async function compare(path: string, now: number): Promise<Finding> {
  const store = await openSqliteStore(path, { now: () => now })
  try {
    const [newest] = await store.audit.list({ limit: 1 })
    if (newest === undefined || newest.at <= now + tolerance) return ok('clock', localTime(now))
    const message = `it shows ${localTime(now)}, and the record’s newest entry is of ${localTime(newest.at)}`
    return fail('clock', message, 'the clock has gone back: set it, and keep it with NTP')
  } finally {
    await store.close()
  }
}

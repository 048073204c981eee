import { appendAudit } from './audit-log.ts'
import { appendChange } from './changes.ts'
import { type Database, write } from './database.ts'
import { inventoryBody } from './enrollment-inventory.ts'
import type { DeviceProfile, DeviceProfiles, ReportedList } from './profile-ports.ts'
import { fromJson } from './rows.ts'
import type { DeviceProfileRow } from './schema.ts'
import { slices } from './slices.ts'

export function createDeviceProfiles(db: Database): DeviceProfiles {
  return {
    async of(enrollments) {
      const found: DeviceProfile[] = []
      for (const ids of slices(enrollments)) {
        const rows = await db.read
          .selectFrom('device_profiles')
          .selectAll()
          .where('enrollment', 'in', ids)
          .orderBy('enrollment')
          .orderBy('identifier')
          .execute()
        found.push(...rows.map(toProfile))
      }
      return found
    },
    async reported(enrollments) {
      const found = new Map<string, ReportedList>()
      for (const ids of slices(enrollments)) {
        const rows = await db.read
          .selectFrom('enrollment_inventory')
          .select(['enrollment', 'at', 'body'])
          .where('enrollment', 'in', ids)
          .where('part', '=', 'profiles')
          .execute()
        for (const { enrollment, at, body } of rows)
          found.set(enrollment, { at, values: fromJson(inventoryBody, body, `inventory of ${enrollment}`) })
      }
      return found
    },
    async put(profiles) {
      if (profiles.length === 0) return
      await write(db, async (tx) => {
        for (const profile of profiles) {
          const { enrollment, identifier, ...rest } = toRow(profile)
          await tx
            .insertInto('device_profiles')
            .values({ enrollment, identifier, ...rest })
            .onConflict((conflict) => conflict.columns(['enrollment', 'identifier']).doUpdateSet(rest))
            .execute()
        }
      })
    },
    async forget(enrollment, identifiers) {
      if (identifiers.length === 0) return
      await write(db, async (tx) => {
        await tx
          .deleteFrom('device_profiles')
          .where('enrollment', '=', enrollment)
          .where('identifier', 'in', [...identifiers])
          .execute()
      })
    },
    again: ({ enrollment, identifier }, by) =>
      write(db, async (tx) => {
        // What is on its way is on its way.
        let rows = tx
          .updateTable('device_profiles')
          .set({ revision: '', due_at: null, attempts: 0, at: by.at })
          .where('action', '=', 'install')
          .where('state', '!=', 'sent')
        if (enrollment !== undefined) rows = rows.where('enrollment', '=', enrollment)
        if (identifier !== undefined) rows = rows.where('identifier', '=', identifier)
        const changed = await rows.returning('enrollment').execute()
        const enrollments = new Set(changed.map((row) => row.enrollment))
        // For very many, the next pass over all of them is soon enough.
        for (const one of [...enrollments].slice(0, 1000)) await appendChange(tx, 'enrollment', one)
        const { at, name: actor, why } = by
        const details = { profiles: changed.length, ...(enrollment !== undefined && { enrollment }) }
        const subject = identifier ?? enrollment ?? 'all'
        await appendAudit(tx, { at, action: 'profile.pushed', actor, subject, why, details })
        return changed.length
      }),
    async counts() {
      const rows = await db.read
        .selectFrom('device_profiles')
        .select(['identifier', 'action', 'state'])
        .select((row) => row.fn.countAll<number>().as('count'))
        .groupBy(['identifier', 'action', 'state'])
        .orderBy('identifier')
        .execute()
      return rows.map((row) => ({ ...row, ...wordsOf(row), count: Number(row.count) }))
    },
    async failed(identifier, limit) {
      const rows = await db.read
        .selectFrom('device_profiles')
        .selectAll()
        .where('identifier', '=', identifier)
        .where('state', '=', 'failed')
        .orderBy('enrollment')
        .limit(limit)
        .execute()
      return rows.map(toProfile)
    },
  }
}

/** Written by `put` alone, so that there are no other words. */
function wordsOf({ action, state }: Pick<DeviceProfileRow, 'action' | 'state'>) {
  return { action: action as DeviceProfile['action'], state: state as DeviceProfile['state'] }
}

function toProfile(row: DeviceProfileRow): DeviceProfile {
  const { enrollment, identifier, revision, attempts, at } = row
  return {
    ...{ enrollment, identifier, revision, attempts, at },
    ...wordsOf(row),
    required: row.required === 1,
    ...(row.command !== null && { command: row.command }),
    ...(row.error !== null && { error: row.error }),
    ...(row.due_at !== null && { dueAt: row.due_at }),
  }
}

function toRow({ command = null, error = null, dueAt, required, ...same }: Optional): DeviceProfileRow {
  return { ...same, command, error, required: required ? 1 : 0, due_at: dueAt ?? null }
}

type Optional = Omit<DeviceProfile, 'command' | 'error'> & {
  readonly command?: string | null
  readonly error?: string | null
}

import { appendAudit } from './audit-log.ts'
import { appendChange } from './changes.ts'
import { type Database, write } from './database.ts'
import type { Bypass, Bypasses } from './ports.ts'
import type { BypassRow } from './schema.ts'

export function createBypasses(db: Database): Bypasses {
  return {
    open: (bypass) => open(db, bypass),
    close: (service, by) =>
      write(db, async (tx) => {
        const gone = await tx
          .deleteFrom('bypasses')
          .where('service', '=', service)
          .returning('until')
          .executeTakeFirst()
        if (gone === undefined) return false
        const { name: actor, why, at } = by
        await appendChange(tx, 'bypass', service)
        await appendAudit(tx, {
          at,
          action: 'bypass.closed',
          actor,
          subject: service,
          why,
          details: { until: gone.until },
        })
        return true
      }),
    async active(now) {
      const rows = await db.read.selectFrom('bypasses').selectAll().where('until', '>', now).execute()
      return rows.map(toBypass)
    },
  }
}

/** A second one for the same service takes the place of the first. */
async function open(db: Database, bypass: Bypass): Promise<void> {
  const { service, until, by } = bypass
  const row = { service, until, opened_at: by.at, opened_by: by.name, why: by.why }
  await write(db, async (tx) => {
    await tx.deleteFrom('bypasses').where('until', '<=', by.at).execute()
    await tx.deleteFrom('bypasses').where('service', '=', service).execute()
    await tx.insertInto('bypasses').values(row).execute()
    await appendChange(tx, 'bypass', service)
    await appendAudit(tx, {
      at: by.at,
      action: 'bypass.opened',
      actor: by.name,
      subject: service,
      why: by.why,
      details: { until },
    })
  })
}

function toBypass(row: BypassRow): Bypass {
  return {
    service: row.service,
    until: row.until,
    by: { name: row.opened_by, why: row.why, at: row.opened_at },
  }
}

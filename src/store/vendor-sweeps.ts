import { z } from 'zod'
import { appendAudit } from './audit-log.ts'
import { appendChange } from './changes.ts'
import { type Database, type WriteTransaction, write } from './database.ts'
import type { VendorSweep, VendorSweeps } from './ports.ts'
import { fromJson } from './rows.ts'
import type { VendorSweepRow } from './schema.ts'

/** So many sweeps of each vendor stay, and always its last complete one. */
const kept = 50

export function createVendorSweeps(db: Database): VendorSweeps {
  return {
    async add(sweep) {
      await write(db, async (tx) => {
        await tx
          .insertInto('vendor_sweeps')
          .values(toRow(sweep))
          .onConflict((conflict) => conflict.doNothing())
          .execute()
        await removeOld(tx, sweep)
        if (sweep.complete) await appendChange(tx, 'vendor', sweep.vendor)
      })
    },
    async list(vendor, limit) {
      const rows = await db.read
        .selectFrom('vendor_sweeps')
        .selectAll()
        .where('vendor', '=', vendor)
        .orderBy('started_at', 'desc')
        .limit(limit)
        .execute()
      return rows.map(toSweep)
    },
    async lastComplete() {
      const rows = await db.read
        .selectFrom('vendor_sweeps')
        .select(['vendor'])
        .select((row) => row.fn.max('started_at').as('at'))
        .where('complete', '=', 1)
        .groupBy('vendor')
        .execute()
      return new Map(rows.map(({ vendor, at }) => [vendor, Number(at)]))
    },
    async confirm(vendor, by) {
      await write(db, async (tx) => {
        await tx
          .insertInto('vendor_confirmations')
          .values({ vendor, at: by.at, by: by.name })
          .onConflict((conflict) => conflict.column('vendor').doUpdateSet({ at: by.at, by: by.name }))
          .execute()
        await appendChange(tx, 'vendor', vendor)
        const { at, name: actor, why } = by
        await appendAudit(tx, { at, action: 'vendor.confirmed', actor, subject: vendor, why, details: {} })
      })
    },
    async requestPoll(vendor, at) {
      await write(db, async (tx) => {
        await tx
          .insertInto('poll_requests')
          .values({ vendor, at })
          .onConflict((conflict) => conflict.column('vendor').doNothing())
          .execute()
        await appendChange(tx, 'vendor', vendor)
      })
    },
    async takePolls() {
      // A look first: most of the time there is none, and a look takes no lock.
      const asked = await db.read.selectFrom('poll_requests').select('vendor').limit(1).execute()
      if (asked.length === 0) return []
      return write(db, async (tx) => {
        const rows = await tx.deleteFrom('poll_requests').returning('vendor').execute()
        return rows.map((row) => row.vendor)
      })
    },
    async confirmedAt(vendor) {
      const row = await db.read
        .selectFrom('vendor_confirmations')
        .select('at')
        .where('vendor', '=', vendor)
        .executeTakeFirst()
      return row?.at
    },
  }
}

/** After each sweep one that is too many: what is removed is never much. */
async function removeOld(tx: WriteTransaction, { vendor }: VendorSweep): Promise<void> {
  const last = await tx
    .selectFrom('vendor_sweeps')
    .select('started_at')
    .where('vendor', '=', vendor)
    .where('complete', '=', 1)
    .orderBy('started_at', 'desc')
    .limit(1)
    .executeTakeFirst()
  const oldest = await tx
    .selectFrom('vendor_sweeps')
    .select('started_at')
    .where('vendor', '=', vendor)
    .orderBy('started_at', 'desc')
    .offset(kept)
    .limit(1)
    .executeTakeFirst()
  if (oldest === undefined) return
  await tx
    .deleteFrom('vendor_sweeps')
    .where('vendor', '=', vendor)
    .where('started_at', '<=', oldest.started_at)
    .where('started_at', '!=', last?.started_at ?? 0)
    .execute()
}

function toRow({ vendor, startedAt, finishedAt, complete, counts, error }: VendorSweep): VendorSweepRow {
  return {
    vendor,
    started_at: startedAt,
    finished_at: finishedAt,
    complete: complete ? 1 : 0,
    counts: JSON.stringify(counts),
    error_code: error?.code ?? null,
    error: error?.message ?? null,
  }
}

const counts = z.strictObject({
  devices: z.number(),
  changed: z.number(),
  gone: z.number(),
  unreadable: z.number(),
})

function toSweep(row: VendorSweepRow): VendorSweep {
  const { error_code: code, error: message } = row
  return {
    vendor: row.vendor,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    complete: row.complete === 1,
    counts: fromJson(counts, row.counts, `sweep of ${row.vendor}`),
    ...(code !== null && message !== null && { error: { code, message } }),
  }
}

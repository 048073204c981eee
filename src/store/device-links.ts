import type { AuditAction } from '../domain/audit.ts'
import { appendAudit } from './audit-log.ts'
import { appendChange } from './changes.ts'
import { type Database, type WriteTransaction, write } from './database.ts'
import type { Actor, DeviceLinks, LinkedDevice } from './ports.ts'
import { touch } from './registration-writes.ts'

export function createDeviceLinks(db: Database): DeviceLinks {
  return {
    link: (id, { vendor, vendorDeviceId }, by) =>
      write(db, async (tx) => {
        if (!(await exists(tx, id))) return false
        const values = {
          vendor,
          vendor_device_id: vendorDeviceId,
          made_at: by.at,
          made_by: by.name,
          why: by.why,
        }
        await tx
          .insertInto('device_links')
          .values({ registration_id: id, ...values })
          .onConflict((conflict) => conflict.column('registration_id').doUpdateSet(values))
          .execute()
        await announce(tx, { action: 'device.linked', id, by, details: { vendor, device: vendorDeviceId } })
        return true
      }),
    unlink: (id, by) =>
      write(db, async (tx) => {
        const gone = await tx
          .deleteFrom('device_links')
          .where('registration_id', '=', id)
          .returning(['vendor', 'vendor_device_id'])
          .executeTakeFirst()
        if (gone === undefined) return false
        const details = { vendor: gone.vendor, device: gone.vendor_device_id }
        await announce(tx, { action: 'device.unlinked', id, by, details })
        return true
      }),
    async of(ids) {
      if (ids.length === 0) return new Map()
      const rows = await db.read
        .selectFrom('device_links')
        .select(['registration_id', 'vendor', 'vendor_device_id'])
        .where('registration_id', 'in', [...ids])
        .execute()
      return new Map(
        rows.map((row) => [
          row.registration_id,
          { vendor: row.vendor, vendorDeviceId: row.vendor_device_id },
        ]),
      )
    },
    async to(devices) {
      if (devices.length === 0) return []
      const rows = await db.read
        .selectFrom('device_links')
        .select(['registration_id', 'vendor', 'vendor_device_id'])
        .where(
          'vendor_device_id',
          'in',
          devices.map((device) => device.vendorDeviceId),
        )
        .execute()
      return rows
        .filter((row) =>
          devices.some(
            (device) => device.vendor === row.vendor && device.vendorDeviceId === row.vendor_device_id,
          ),
        )
        .map((row) => row.registration_id)
    },
    approveSurplus: (id, by) =>
      write(db, async (tx) => {
        if (!(await exists(tx, id))) return false
        await tx
          .insertInto('surplus_approvals')
          .values({ registration_id: id, at: by.at, by: by.name })
          .onConflict((conflict) => conflict.column('registration_id').doNothing())
          .execute()
        await announce(tx, { action: 'device.surplus-approved', id, by, details: {} })
        return true
      }),
    async approvedAmong(ids) {
      if (ids.length === 0) return new Set()
      const rows = await db.read
        .selectFrom('surplus_approvals')
        .select('registration_id')
        .where('registration_id', 'in', [...ids])
        .execute()
      return new Set(rows.map((row) => row.registration_id))
    },
    async requestRefresh(id, at) {
      await write(db, async (tx) => {
        if (!(await exists(tx, id))) return
        await tx
          .insertInto('refresh_requests')
          .values({ registration_id: id, at })
          .onConflict((conflict) => conflict.column('registration_id').doNothing())
          .execute()
      })
    },
    takeRefreshes: (limit) => takeRefreshes(db, limit),
    requestDevices: (devices, at) => requestDevices(db, devices, at),
    takeDevices: (limit) => takeDevices(db, limit),
  }
}

/** Looks without taking the write lock: most of the time there is none. */
async function takeRefreshes(db: Database, limit: number): Promise<readonly string[]> {
  const rows = await db.read
    .selectFrom('refresh_requests')
    .select('registration_id')
    .orderBy('at')
    .limit(limit)
    .execute()
  const ids = rows.map((row) => row.registration_id)
  if (ids.length > 0)
    await write(db, async (tx) => {
      await tx.deleteFrom('refresh_requests').where('registration_id', 'in', ids).execute()
    })
  return ids
}

const mostRequested = 5000

async function requestDevices(db: Database, devices: readonly LinkedDevice[], at: number): Promise<void> {
  if (devices.length === 0) return
  await write(db, async (tx) => {
    const { count } = await tx
      .selectFrom('device_requests')
      .select((row) => row.fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow()
    const taken = devices.slice(0, Math.max(0, mostRequested - Number(count)))
    for (const { vendor, vendorDeviceId } of taken)
      await tx
        .insertInto('device_requests')
        .values({ vendor, vendor_device_id: vendorDeviceId, at })
        .onConflict((conflict) => conflict.doNothing())
        .execute()
    for (const vendor of new Set(taken.map((device) => device.vendor)))
      await appendChange(tx, 'vendor', vendor)
  })
}

async function takeDevices(db: Database, limit: number): Promise<readonly LinkedDevice[]> {
  const rows = await db.read
    .selectFrom('device_requests')
    .select(['vendor', 'vendor_device_id'])
    .orderBy('at')
    .limit(limit)
    .execute()
  if (rows.length > 0)
    await write(db, async (tx) => {
      for (const { vendor, vendor_device_id } of rows)
        await tx
          .deleteFrom('device_requests')
          .where('vendor', '=', vendor)
          .where('vendor_device_id', '=', vendor_device_id)
          .execute()
    })
  return rows.map((row) => ({ vendor: row.vendor, vendorDeviceId: row.vendor_device_id }))
}

async function exists(tx: WriteTransaction, id: string): Promise<boolean> {
  const row = await tx.selectFrom('registrations').select('id').where('id', '=', id).executeTakeFirst()
  return row !== undefined
}

/** The compliance role follows the changes of registrations: it matches this one again. */
async function announce(
  tx: WriteTransaction,
  act: {
    readonly action: AuditAction
    readonly id: string
    readonly by: Actor
    readonly details: Readonly<Record<string, string>>
  },
): Promise<void> {
  const { action, id, by, details } = act
  await touch(tx, id)
  await appendAudit(tx, { at: by.at, action, actor: by.name, subject: id, why: by.why, details })
}

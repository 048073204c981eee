import type { AppDevice } from '../domain/app-device.ts'
import { type DeviceIds, deviceIdKinds } from '../domain/device-ids.ts'
import { appendAudit } from './audit-log.ts'
import { makeTickets } from './binding-tickets.ts'
import { type Database, type WriteTransaction, write } from './database.ts'
import { rememberForApp } from './mdm-tokens.ts'
import type { AppContact, AppDevices } from './ports.ts'
import { deviceIdsOf, toAppDevice } from './rows.ts'
import type { AppDeviceRow } from './schema.ts'

/** More keys than one person's apps have; what is beyond is left over from apps that are gone. */
const devicesPerUser = 50

export function createAppDevices(db: Database): AppDevices {
  return {
    admit: (contact) => write(db, (tx) => admit(tx, contact)),
    async findByKey(thumbprint) {
      const row = await db.read
        .selectFrom('app_devices')
        .selectAll()
        .where('thumbprint', '=', thumbprint)
        .executeTakeFirst()
      return row && toAppDevice(row)
    },
  }
}

async function admit(tx: WriteTransaction, contact: AppContact): Promise<AppDevice | undefined> {
  const { thumbprint } = contact.device
  const known = await tx
    .selectFrom('app_devices')
    .selectAll()
    .where('thumbprint', '=', thumbprint)
    .executeTakeFirst()
  if (known !== undefined && !isSameDevice(toAppDevice(known), contact.device)) return undefined
  const row = known === undefined ? await add(tx, contact) : await renew(tx, known, contact)
  await makeTickets(tx, row.id, contact.tickets, contact.at)
  return toAppDevice(row)
}

/** The same user, and no id that says otherwise: an app may learn a further id, but not become another device. */
function isSameDevice(known: AppDevice, asked: AppContact['device']): boolean {
  if (known.user !== asked.user) return false
  return deviceIdKinds.every((kind) => {
    const [before, now] = [known.ids[kind], asked.ids[kind]]
    return before === undefined || now === undefined || overlaps([before].flat(), [now].flat())
  })
}

function overlaps(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.some((one) => b.includes(one))
}

async function add(
  tx: WriteTransaction,
  { device, packageKey, source, at }: AppContact,
): Promise<AppDeviceRow> {
  const row: AppDeviceRow = {
    id: device.id,
    user_name: device.user,
    ids: JSON.stringify(device.ids),
    platform: device.platform,
    app_version: device.appVersion,
    thumbprint: device.thumbprint,
    public_key: device.publicKey,
    package_key: packageKey,
    mdm_token: device.mdmTokenId ?? null,
    source,
    registered_at: at,
    last_seen_at: at,
  }
  await tx.insertInto('app_devices').values(row).execute()
  await removeSurplus(tx, device.user)
  await appendAudit(tx, {
    at,
    action: 'app.admitted',
    actor: 'gateway',
    subject: row.id,
    details: {
      user: row.user_name,
      platform: row.platform,
      appVersion: row.app_version,
      packageKey,
      ids: describeIds(device.ids),
      ...(row.mdm_token !== null && { mdmToken: row.mdm_token }),
      source,
    },
  })
  return row
}

function describeIds(ids: DeviceIds): string[] {
  return deviceIdKinds.flatMap((kind) => [ids[kind] ?? []].flat().map((id) => `${kind} ${id}`))
}

async function renew(tx: WriteTransaction, row: AppDeviceRow, contact: AppContact): Promise<AppDeviceRow> {
  const { device, packageKey, source, at } = contact
  if (device.mdmTokenId !== undefined) await rememberForApp(tx, row.id, device.mdmTokenId)
  return tx
    .updateTable('app_devices')
    .set({
      ids: JSON.stringify({ ...deviceIdsOf(row.ids, `app device ${row.id}`), ...device.ids }),
      platform: device.platform,
      app_version: device.appVersion,
      package_key: packageKey,
      mdm_token: device.mdmTokenId ?? null,
      source,
      last_seen_at: at,
    })
    .where('id', '=', row.id)
    .returningAll()
    .executeTakeFirstOrThrow()
}

async function removeSurplus(tx: WriteTransaction, user: string): Promise<void> {
  const rows = await tx
    .selectFrom('app_devices')
    .select('id')
    .where('user_name', '=', user)
    .orderBy('last_seen_at', 'desc')
    .orderBy('id', 'desc')
    .offset(devicesPerUser)
    .limit(devicesPerUser)
    .execute()
  for (const { id } of rows) await tx.deleteFrom('app_devices').where('id', '=', id).execute()
}

import type { AppDevice } from '../domain/app-device.ts'
import { type DeviceIds, deviceIdKinds } from '../domain/device-ids.ts'
import type { Registration } from '../domain/registration.ts'
import { appendAudit } from './audit-log.ts'
import { makeTickets } from './binding-tickets.ts'
import { appendChange } from './changes.ts'
import { type Database, type WriteTransaction, write } from './database.ts'
import { rememberForApp } from './mdm-tokens.ts'
import type {
  Actor,
  AppContact,
  AppDeviceFilter,
  AppDevices,
  ListedAppDevice,
  RevokedAppDevice,
} from './ports.ts'
import { blockRegistrationsOf } from './registration-writes.ts'
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
    list: (filter) => list(db, filter),
    revoke: (id, by) => write(db, (tx) => revoke(tx, id, by)),
  }
}

async function list(
  db: Database,
  { limit, user, packageKey, active }: AppDeviceFilter,
): Promise<readonly ListedAppDevice[]> {
  let query = db.read
    .selectFrom('app_devices')
    .selectAll()
    .select((row) =>
      row
        .selectFrom('registrations')
        .select((count) => count.fn.countAll<number>().as('count'))
        .whereRef('registrations.app_device', '=', 'app_devices.id')
        .as('registrations'),
    )
  if (user !== undefined) query = query.where('user_name', '=', user)
  if (packageKey !== undefined) query = query.where('package_key', '=', packageKey)
  if (active) query = query.where('revoked_at', 'is', null)
  const rows = await query.orderBy('last_seen_at', 'desc').orderBy('id', 'desc').limit(limit).execute()
  return rows.map((row) => ({ ...toAppDevice(row), registrations: Number(row.registrations ?? 0) }))
}

async function revoke(tx: WriteTransaction, id: string, by: Actor): Promise<RevokedAppDevice | undefined> {
  const row = await tx.selectFrom('app_devices').selectAll().where('id', '=', id).executeTakeFirst()
  if (row === undefined) return undefined
  if (row.revoked_at !== null) return { device: toAppDevice(row), blocked: [] }
  const changed = await tx
    .updateTable('app_devices')
    .set({ revoked_at: by.at, revoked_by: by.name, revoked_why: by.why })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow()
  await tx.deleteFrom('binding_tickets').where('app_device_id', '=', id).execute()
  await appendChange(tx, 'app', id)
  await appendAudit(tx, {
    at: by.at,
    action: 'app.revoked',
    actor: by.name,
    subject: id,
    why: by.why,
    details: { user: row.user_name, packageKey: row.package_key },
  })
  return { device: toAppDevice(changed), blocked: await blockRegistrationsOf(tx, id, by) }
}

/** Asked within the registration's own transaction: an app that was revoked in the meantime registers nobody. */
export async function restsOnRevokedApp(
  tx: WriteTransaction,
  { appDeviceId }: Registration,
): Promise<boolean> {
  if (appDeviceId === undefined) return false
  const row = await tx
    .selectFrom('app_devices')
    .select('revoked_at')
    .where('id', '=', appDeviceId)
    .executeTakeFirst()
  return row === undefined || row.revoked_at !== null
}

async function admit(tx: WriteTransaction, contact: AppContact): Promise<AppDevice | undefined> {
  const { thumbprint } = contact.device
  const known = await tx
    .selectFrom('app_devices')
    .selectAll()
    .where('thumbprint', '=', thumbprint)
    .executeTakeFirst()
  if (known !== undefined && !isSameDevice(toAppDevice(known), contact.device)) return undefined
  if (known !== undefined && known.revoked_at !== null) return toAppDevice(known)
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
    revoked_at: null,
    revoked_by: null,
    revoked_why: null,
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

/** What a registration rests on stays, whoever holds a package key: keys made up in the user's name push no real one out. */
async function removeSurplus(tx: WriteTransaction, user: string): Promise<void> {
  const rows = await tx
    .selectFrom('app_devices')
    .select('id')
    .where('user_name', '=', user)
    .where('revoked_at', 'is', null)
    .where((row) =>
      row.not(
        row.exists(
          row
            .selectFrom('registrations')
            .select('registrations.id')
            .whereRef('registrations.app_device', '=', 'app_devices.id'),
        ),
      ),
    )
    .orderBy('last_seen_at', 'desc')
    .orderBy('id', 'desc')
    .offset(devicesPerUser)
    .limit(devicesPerUser)
    .execute()
  for (const { id } of rows) await tx.deleteFrom('app_devices').where('id', '=', id).execute()
}

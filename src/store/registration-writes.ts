import type { AuditAction } from '../domain/audit.ts'
import type { ClientKey } from '../domain/client-identity.ts'
import type { DeviceState } from '../domain/registration.ts'
import { appendAudit } from './audit-log.ts'
import { appendChange } from './changes.ts'
import { type Database, type WriteTransaction, write } from './database.ts'
import type { Actor, OsUpdate } from './ports.ts'
import { giveKeys, holdersOf } from './registration-keys.ts'
import { toDeviceState } from './rows.ts'
import type { RegistrationRow } from './schema.ts'

/** Announces a change of the registration and gives it the version of that change. */
export async function touch(
  tx: WriteTransaction,
  id: string,
  set: Partial<RegistrationRow> = {},
): Promise<RegistrationRow> {
  const version = await appendChange(tx, 'registration', id)
  return tx
    .updateTable('registrations')
    .set({ ...set, version })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow()
}

/**
 * Keys of another registration of the same user and service move; keys of another user's stay where they are: a
 * secret that the upstream gave to somebody else does not become this client's.
 */
export async function addKeys(db: Database, id: string, keys: readonly ClientKey[]): Promise<void> {
  if (keys.length === 0 || (await hasAll(db, id, keys))) return
  await write(db, async (tx) => {
    const registration = await find(tx, id)
    if (registration === undefined) return
    const { service, user_name } = registration
    const now = db.now()
    const holders = await holdersOf(
      tx,
      keys.map((key) => key.hash),
      now,
    )
    const foreign = holders.filter(({ row }) => row.user_name !== user_name || row.service !== service)
    const taken = new Set(foreign.flatMap((holder) => holder.hashes))
    const given = keys.filter((key) => !taken.has(key.hash))
    if (given.length === 0) return
    await giveKeys(tx, id, given)
    for (const { row } of holders)
      if (row.id !== id && !foreign.some((one) => one.row === row)) await touch(tx, row.id)
    await touch(tx, id)
    await appendAudit(tx, {
      at: now,
      action: 'registration.keys-added',
      actor: 'gateway',
      subject: id,
      details: { service, user: user_name, keys: given.length },
    })
  })
}

/** A client that shows the same keys again costs no write. */
async function hasAll(db: Database, id: string, keys: readonly ClientKey[]): Promise<boolean> {
  const rows = await db.read
    .selectFrom('registration_keys')
    .select(['hash', 'expires_at'])
    .where('registration_id', '=', id)
    .where(
      'hash',
      'in',
      keys.map((key) => key.hash),
    )
    .execute()
  const ends = new Map(rows.map((row) => [row.hash, row.expires_at]))
  return keys.every((key) => ends.get(key.hash) === (key.expiresAt ?? null))
}

/** Granted secrets that belong to no registration yet end as well. */
export async function removeKeys(db: Database, hashes: readonly string[]): Promise<void> {
  if (hashes.length === 0) return
  await write(db, async (tx) => {
    await tx
      .deleteFrom('grants')
      .where('hash', 'in', [...hashes])
      .execute()
    const gone = await tx
      .deleteFrom('registration_keys')
      .where('hash', 'in', [...hashes])
      .returning('registration_id')
      .execute()
    for (const id of new Set(gone.map((row) => row.registration_id))) await touch(tx, id)
  })
}

export async function osUpdated(db: Database, updates: readonly OsUpdate[]): Promise<void> {
  if (updates.length === 0) return
  await write(db, async (tx) => {
    for (const { id, from, to, at } of updates) {
      const row = await find(tx, id)
      if (row === undefined) continue
      const { device } = toDeviceState(row).registration
      if (device.osVersion !== from) continue
      await touch(tx, id, { device: JSON.stringify({ ...device, osVersion: to, osVersionSince: at }) })
    }
  })
}

export function block(db: Database, id: string, by: Actor): Promise<DeviceState | undefined> {
  return write(db, (tx) => blockWithin(tx, id, by))
}

export async function blockWithin(
  tx: WriteTransaction,
  id: string,
  by: Actor,
): Promise<DeviceState | undefined> {
  const row = await find(tx, id)
  if (row === undefined) return undefined
  const set = { blocked: 1, blocked_at: by.at, blocked_by: by.name, blocked_why: by.why }
  const changed = await touch(tx, id, set)
  await audit(tx, { action: 'device.blocked', row, by })
  return toDeviceState(changed)
}

/** Those that rest on a device of the company app and are not blocked yet. @returns their ids */
export async function blockRegistrationsOf(
  tx: WriteTransaction,
  appDeviceId: string,
  by: Actor,
): Promise<readonly string[]> {
  const rows = await tx
    .selectFrom('registrations')
    .selectAll()
    .where('app_device', '=', appDeviceId)
    .where('blocked', '=', 0)
    .execute()
  for (const row of rows) {
    const set = { blocked: 1, blocked_at: by.at, blocked_by: by.name, blocked_why: by.why }
    await touch(tx, row.id, set)
    await audit(tx, { action: 'device.blocked', row, by })
  }
  return rows.map(({ id }) => id)
}

/** Unblocking what is not blocked changes nothing. */
export function unblock(db: Database, id: string, by: Actor): Promise<DeviceState | undefined> {
  return write(db, async (tx) => {
    const row = await find(tx, id)
    if (row === undefined) return undefined
    if (row.blocked === 0) return toDeviceState(row)
    const set = { blocked: 0, blocked_at: null, blocked_by: null, blocked_why: null }
    const changed = await touch(tx, id, set)
    await audit(tx, { action: 'device.unblocked', row, by })
    return toDeviceState(changed)
  })
}

/**
 * The approvals that the device was given go with it: a forgotten device that comes back has to be approved again.
 * @returns the state as it was, with the version of the forgetting
 */
export function forget(db: Database, id: string, by: Actor): Promise<DeviceState | undefined> {
  return write(db, async (tx) => {
    const row = await find(tx, id)
    if (row === undefined) return undefined
    await forgetApprovals(tx, row)
    await tx.deleteFrom('registrations').where('id', '=', id).execute()
    const version = await appendChange(tx, 'registration', id)
    await audit(tx, { action: 'device.forgotten', row, by })
    return toDeviceState({ ...row, version })
  })
}

async function forgetApprovals(tx: WriteTransaction, row: RegistrationRow): Promise<void> {
  const gone = await tx
    .deleteFrom('approvals')
    .where('status', '=', 'granted')
    .where((approval) =>
      approval.or([approval('user_name', '=', row.user_name), approval('user_name', 'is', null)]),
    )
    .where('id', 'in', (approved) =>
      approved
        .selectFrom('approval_keys')
        .innerJoin('registration_keys', 'registration_keys.hash', 'approval_keys.hash')
        .select('approval_keys.approval_id')
        .where('registration_keys.registration_id', '=', row.id),
    )
    .returning('id')
    .execute()
  for (const { id } of gone) await appendChange(tx, 'approval', id)
}

function find(tx: WriteTransaction, id: string): Promise<RegistrationRow | undefined> {
  return tx.selectFrom('registrations').selectAll().where('id', '=', id).executeTakeFirst()
}

async function audit(
  tx: WriteTransaction,
  act: { readonly action: AuditAction; readonly row: RegistrationRow; readonly by: Actor },
): Promise<void> {
  const { action, row, by } = act
  await appendAudit(tx, {
    at: by.at,
    action,
    actor: by.name,
    subject: row.id,
    why: by.why,
    details: { service: row.service, user: row.user_name },
  })
}

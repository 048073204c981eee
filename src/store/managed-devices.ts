import { z } from 'zod'
import { platforms } from '../domain/client-identity.ts'
import { deviceIdKinds } from '../domain/device-ids.ts'
import { complianceStates, type ManagedDevice, managementStates } from '../domain/managed-device.ts'
import { type Database, type WriteTransaction, write } from './database.ts'
import type { DeviceKey, KnownDigest, ManagedDevices, StoredDevice } from './ports.ts'
import { checked, deviceIdsSchema, fromJson } from './rows.ts'
import type { ManagedDeviceKeyRow, ManagedDeviceRow } from './schema.ts'
import { slices } from './slices.ts'

export function createManagedDevices(db: Database): ManagedDevices {
  return {
    digests: (vendor, ids) => digests(db, vendor, ids),
    put: (devices) => put(db, devices),
    remove: (vendor, ids) => remove(db, vendor, ids),
    async get(vendor, id) {
      const row = await db.read
        .selectFrom('managed_devices')
        .selectAll()
        .where('vendor', '=', vendor)
        .where('vendor_device_id', '=', id)
        .executeTakeFirst()
      return row === undefined ? undefined : (await withKeys(db, [row]))[0]
    },
    async count(vendor) {
      const { count } = await db.read
        .selectFrom('managed_devices')
        .select((row) => row.fn.countAll<number>().as('count'))
        .where('vendor', '=', vendor)
        .executeTakeFirstOrThrow()
      return Number(count)
    },
    async ids(vendor, after, limit) {
      let rows = db.read.selectFrom('managed_devices').select('vendor_device_id').where('vendor', '=', vendor)
      if (after !== undefined) rows = rows.where('vendor_device_id', '>', after)
      const found = await rows.orderBy('vendor_device_id').limit(limit).execute()
      return found.map((row) => row.vendor_device_id)
    },
    byKeys: (keys) => byKeys(db, keys),
    async toAskAgain(vendor, after, limit) {
      let rows = db.read
        .selectFrom('managed_devices')
        .select('vendor_device_id')
        .where('vendor', '=', vendor)
        .where('ask_again', '=', 1)
      if (after !== undefined) rows = rows.where('vendor_device_id', '>', after)
      const found = await rows.orderBy('vendor_device_id').limit(limit).execute()
      return found.map((row) => row.vendor_device_id)
    },
    takeDue: (now, limit) => takeDue(db, now, limit),
    async vendors() {
      const rows = await db.read.selectFrom('managed_devices').select('vendor').distinct().execute()
      return rows.map((row) => row.vendor)
    },
  }
}

async function digests(db: Database, vendor: string, ids: readonly string[]) {
  const known = new Map<string, KnownDigest>()
  for (const some of slices(ids)) {
    const rows = await db.read
      .selectFrom('managed_devices')
      .select(['vendor_device_id', 'digest', 'last_seen'])
      .where('vendor', '=', vendor)
      .where('vendor_device_id', 'in', some)
      .execute()
    for (const { vendor_device_id, digest, last_seen } of rows)
      known.set(vendor_device_id, { digest, ...(last_seen !== null && { lastSeen: last_seen }) })
  }
  return known
}

/**
 * A few statements for all of them, and only for keys that have come or gone: the first sweep through a fleet writes some
 * hundred thousand rows, while devices want to register.
 */
async function put(db: Database, devices: readonly StoredDevice[]): Promise<readonly DeviceKey[]> {
  if (devices.length === 0) return []
  // The last word on a device counts, and one statement may name it only once.
  const once = [...new Map(devices.map((stored) => [nameOf(stored.device), stored])).values()]
  return write(db, async (tx) => {
    const had = await keyRowsOf(tx, once)
    for (const some of rowSlices(once.map(toRow))) await putRows(tx, some)
    const have = new Set(had.map(keyRowName))
    const wanted = once.flatMap(toKeyRows)
    const keep = new Set(wanted.map(keyRowName))
    for (const row of had) if (!keep.has(keyRowName(row))) await removeKey(tx, row)
    for (const some of rowSlices(wanted.filter((row) => !have.has(keyRowName(row)))))
      await tx
        .insertInto('managed_device_keys')
        .values(some)
        .onConflict((conflict) => conflict.doNothing())
        .execute()
    return had.map(toKey)
  })
}

async function putRows(tx: WriteTransaction, rows: ManagedDeviceRow[]): Promise<void> {
  await tx
    .insertInto('managed_devices')
    .values(rows)
    .onConflict((conflict) =>
      conflict.columns(['vendor', 'vendor_device_id']).doUpdateSet((row) => ({
        body: row.ref('excluded.body'),
        digest: row.ref('excluded.digest'),
        last_seen: row.ref('excluded.last_seen'),
        learnt_at: row.ref('excluded.learnt_at'),
        due_at: row.ref('excluded.due_at'),
        ask_again: row.ref('excluded.ask_again'),
      })),
    )
    .execute()
}

async function keyRowsOf(tx: WriteTransaction, devices: readonly StoredDevice[]) {
  const rows: ManagedDeviceKeyRow[] = []
  for (const [vendor, ids] of idsByVendor(devices))
    for (const some of slices(ids))
      rows.push(
        ...(await tx
          .selectFrom('managed_device_keys')
          .selectAll()
          .where('vendor', '=', vendor)
          .where('vendor_device_id', 'in', some)
          .execute()),
      )
  return rows
}

function idsByVendor(devices: readonly StoredDevice[]): ReadonlyMap<string, readonly string[]> {
  const ids = new Map<string, string[]>()
  for (const { device } of devices) {
    const own = ids.get(device.vendor)
    if (own === undefined) ids.set(device.vendor, [device.vendorDeviceId])
    else own.push(device.vendorDeviceId)
  }
  return ids
}

async function removeKey(
  tx: WriteTransaction,
  { kind, value, vendor, vendor_device_id }: ManagedDeviceKeyRow,
): Promise<void> {
  await tx
    .deleteFrom('managed_device_keys')
    .where('kind', '=', kind)
    .where('value', '=', value)
    .where('vendor', '=', vendor)
    .where('vendor_device_id', '=', vendor_device_id)
    .execute()
}

function toKeyRows({ device, keys }: StoredDevice): readonly ManagedDeviceKeyRow[] {
  const { vendor, vendorDeviceId } = device
  return keys.map(({ kind, value }) => ({ kind, value, vendor, vendor_device_id: vendorDeviceId }))
}

function keyRowName({ kind, value, vendor, vendor_device_id }: ManagedDeviceKeyRow): string {
  return `${kind}\n${value}\n${vendor}\n${vendor_device_id}`
}

function nameOf({ vendor, vendorDeviceId }: ManagedDevice): string {
  return `${vendor}\n${vendorDeviceId}`
}

/** In sizes of which there are few, so that each statement is prepared once. */
function* rowSlices<Row>(rows: readonly Row[]): Iterable<Row[]> {
  let begin = 0
  for (const size of rowsAtOnce)
    for (; rows.length - begin >= size; begin += size) yield rows.slice(begin, begin + size)
}

const rowsAtOnce = [50, 10, 1]

async function remove(db: Database, vendor: string, ids: readonly string[]): Promise<readonly DeviceKey[]> {
  const before: DeviceKey[] = []
  for (const some of slices(ids, removedAtOnce))
    await write(db, async (tx) => {
      before.push(...(await removeKeys(tx, vendor, some)))
      await tx
        .deleteFrom('managed_devices')
        .where('vendor', '=', vendor)
        .where('vendor_device_id', 'in', some)
        .execute()
    })
  return before
}

async function removeKeys(
  tx: WriteTransaction,
  vendor: string,
  ids: readonly string[],
): Promise<DeviceKey[]> {
  const rows = await tx
    .deleteFrom('managed_device_keys')
    .where('vendor', '=', vendor)
    .where('vendor_device_id', 'in', [...ids])
    .returning(['kind', 'value'])
    .execute()
  return rows.map(toKey)
}

async function byKeys(db: Database, keys: readonly DeviceKey[]): Promise<readonly StoredDevice[]> {
  const found = new Map<string, ManagedDeviceRow>()
  for (const [kind, values] of valuesByKind(keys))
    for (const some of slices(values)) {
      const rows = await db.read
        .selectFrom('managed_device_keys as key')
        .innerJoin('managed_devices as device', (join) =>
          join
            .onRef('device.vendor', '=', 'key.vendor')
            .onRef('device.vendor_device_id', '=', 'key.vendor_device_id'),
        )
        .selectAll('device')
        .where('key.kind', '=', kind)
        .where('key.value', 'in', some)
        .limit(mostFound)
        .execute()
      for (const row of rows) found.set(`${row.vendor}\n${row.vendor_device_id}`, row)
    }
  return [...found.values()].map((row) => toStored(row, []))
}

/** A name that thousands of devices share (a kiosk's) belongs to nobody. */
const mostFound = 5000

export function valuesByKind(keys: readonly DeviceKey[]): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>()
  for (const { kind, value } of keys) {
    const values = groups.get(kind)
    if (values === undefined) groups.set(kind, [value])
    else values.push(value)
  }
  return groups
}

async function takeDue(db: Database, now: number, limit: number): Promise<readonly StoredDevice[]> {
  const rows = await db.read
    .selectFrom('managed_devices')
    .selectAll()
    .where('due_at', '<=', now)
    .orderBy('due_at')
    .limit(limit)
    .execute()
  if (rows.length === 0) return []
  await write(db, async (tx) => {
    for (const { vendor, vendor_device_id, due_at } of rows)
      await tx
        .updateTable('managed_devices')
        .set({ due_at: null })
        .where('vendor', '=', vendor)
        .where('vendor_device_id', '=', vendor_device_id)
        .where('due_at', '=', due_at)
        .execute()
  })
  return withKeys(db, rows)
}

async function withKeys(db: Database, rows: readonly ManagedDeviceRow[]): Promise<readonly StoredDevice[]> {
  const devices: StoredDevice[] = []
  for (const row of rows) {
    const keys = await db.read
      .selectFrom('managed_device_keys')
      .select(['kind', 'value'])
      .where('vendor', '=', row.vendor)
      .where('vendor_device_id', '=', row.vendor_device_id)
      .execute()
    devices.push(toStored(row, keys.map(toKey)))
  }
  return devices
}

const keyKind = z.enum([...deviceIdKinds, 'user'])

function toRow({ device, digest, learntAt, dueAt, askAgain }: StoredDevice): ManagedDeviceRow {
  const { vendor, vendorDeviceId, lastSeen, ...body } = device
  return {
    vendor,
    vendor_device_id: vendorDeviceId,
    body: JSON.stringify(body),
    digest,
    last_seen: lastSeen ?? null,
    learnt_at: learntAt,
    due_at: dueAt ?? null,
    ask_again: askAgain ? 1 : 0,
  }
}

const body = z.strictObject({
  ids: deviceIdsSchema,
  user: z.strictObject({
    name: z.exactOptional(z.string()),
    upn: z.exactOptional(z.string()),
    email: z.exactOptional(z.string()),
  }),
  platform: z.enum(platforms).optional(),
  model: z.exactOptional(z.string()),
  modelCode: z.exactOptional(z.string()),
  osVersion: z.exactOptional(z.string()),
  management: z.enum(managementStates),
  compliance: z.enum(complianceStates),
  graceUntil: z.exactOptional(z.number()),
  compromised: z.exactOptional(z.boolean()),
  reasons: z.array(z.string()),
})

function toStored(row: ManagedDeviceRow, keys: readonly DeviceKey[]): StoredDevice {
  const { platform, ...rest } = fromJson(body, row.body, `managed device ${row.vendor_device_id}`)
  const device: ManagedDevice = {
    vendor: row.vendor,
    vendorDeviceId: row.vendor_device_id,
    ...rest,
    platform,
    ...(row.last_seen !== null && { lastSeen: row.last_seen }),
  }
  return {
    device,
    digest: row.digest,
    learntAt: row.learnt_at,
    ...(row.due_at !== null && { dueAt: row.due_at }),
    askAgain: row.ask_again === 1,
    keys,
  }
}

/** A transaction holds up the others for as long as it takes. */
const removedAtOnce = 50

export function toKey({ kind, value }: { readonly kind: string; readonly value: string }): DeviceKey {
  return { kind: checked(keyKind, kind, 'a key of a device'), value }
}

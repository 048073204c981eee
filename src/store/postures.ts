import type { Posture } from '../domain/posture.ts'
import type { DeviceState } from '../domain/registration.ts'
import { appendAudit } from './audit-log.ts'
import { type Database, type WriteTransaction, write } from './database.ts'
import { toKey, valuesByKind } from './managed-devices.ts'
import type { Actor, DeviceKey, HeldBlock, PostureChange, Postures } from './ports.ts'
import { touch } from './registration-writes.ts'
import { fromJson, postureSchema, toDeviceState } from './rows.ts'
import type { HeldBlockRow } from './schema.ts'
import { slices } from './slices.ts'

export function createPostures(db: Database): Postures {
  return {
    set: (changes, by) => set(db, changes, by),
    find: ({ keys = [], ids = [] }) => find(db, keys, ids),
    concerning: (vendor, devices) => concerning(db, vendor, devices),
    keysOf: (ids) => keysOf(db, ids),
    setKeys: (keys) => setKeys(db, keys),
    async page(after, limit) {
      let rows = db.read.selectFrom('registrations').selectAll()
      if (after !== undefined) rows = rows.where('id', '>', after)
      const found = await rows.orderBy('id').limit(limit).execute()
      return found.map(toDeviceState)
    },
    async countCompliant(vendor, after, limit) {
      let rows = db.read.selectFrom('registrations').select(['id', 'posture'])
      if (after !== undefined) rows = rows.where('id', '>', after)
      const found = await rows.orderBy('id').limit(limit).execute()
      const count = found.filter(({ id, posture }) => {
        const known = fromJson(postureSchema, posture, `registration ${id}`)
        return known.state === 'compliant' && known.vendor === vendor
      }).length
      return { count, last: found.at(-1)?.id }
    },
    async hold(blocks) {
      if (blocks.length === 0) return
      await write(db, async (tx) => {
        for (const block of blocks) await hold(tx, block)
      })
    },
    async held(vendor, after, limit = 1000) {
      let rows = db.read.selectFrom('held_blocks').selectAll().where('vendor', '=', vendor)
      if (after !== undefined) rows = rows.where('registration_id', '>', after)
      return (await rows.orderBy('registration_id').limit(limit).execute()).map(toHeld)
    },
    async heldCount(vendor) {
      const { count } = await db.read
        .selectFrom('held_blocks')
        .select((row) => row.fn.countAll<number>().as('count'))
        .where('vendor', '=', vendor)
        .executeTakeFirstOrThrow()
      return Number(count)
    },
    async drop(ids) {
      if (ids.length === 0) return
      await write(db, (tx) => drop(tx, ids))
    },
  }
}

async function set(
  db: Database,
  changes: readonly PostureChange[],
  by: Pick<Actor, 'name' | 'at'>,
): Promise<readonly number[]> {
  if (changes.length === 0) return []
  return write(db, async (tx) => {
    const versions: number[] = []
    for (const change of changes) {
      const version = await setOne(tx, change, by)
      if (version !== undefined) versions.push(version)
    }
    await drop(
      tx,
      changes.map(({ id }) => id),
    )
    return versions
  })
}

async function setOne(
  tx: WriteTransaction,
  { id, posture }: PostureChange,
  by: Pick<Actor, 'name' | 'at'>,
): Promise<number | undefined> {
  const row = await tx
    .selectFrom('registrations')
    .select(['posture', 'service', 'user_name'])
    .where('id', '=', id)
    .executeTakeFirst()
  if (row === undefined) return undefined
  const { version } = await touch(tx, id, { posture: JSON.stringify(posture) })
  const before = fromJson(postureSchema, row.posture, `registration ${id}`)
  if (before.state === posture.state) return version
  await appendAudit(tx, {
    at: by.at,
    action: 'posture.changed',
    actor: by.name,
    subject: id,
    ...(posture.reason !== undefined && { why: posture.reason }),
    details: { service: row.service, user: row.user_name, ...detailsOf(before, posture) },
  })
  return version
}

function detailsOf(before: Posture, { state, match, vendor, device }: Posture) {
  return {
    from: before.state,
    to: state,
    match,
    ...(vendor !== undefined && { vendor }),
    ...(device !== undefined && { device }),
  }
}

async function find(
  db: Database,
  keys: readonly DeviceKey[],
  ids: readonly string[],
): Promise<readonly DeviceState[]> {
  const wanted = new Set(ids)
  for (const [kind, values] of valuesByKind(keys))
    for (const some of slices(values)) {
      const rows = await db.read
        .selectFrom('registration_match_keys')
        .select('registration_id')
        .where('kind', '=', kind)
        .where('value', 'in', some)
        .execute()
      for (const row of rows) wanted.add(row.registration_id)
    }
  const found: DeviceState[] = []
  for (const some of slices([...wanted])) {
    const rows = await db.read.selectFrom('registrations').selectAll().where('id', 'in', some).execute()
    found.push(...rows.map(toDeviceState))
  }
  return found
}

async function concerning(db: Database, vendor: string, devices: readonly string[]): Promise<string[]> {
  const ids = new Set<string>()
  for (const some of slices(devices)) {
    const rows = await db.read
      .selectFrom('managed_device_keys as device')
      .innerJoin('registration_match_keys as own', (join) =>
        join.onRef('own.kind', '=', 'device.kind').onRef('own.value', '=', 'device.value'),
      )
      .select('own.registration_id')
      .distinct()
      .where('device.vendor', '=', vendor)
      .where('device.vendor_device_id', 'in', some)
      .execute()
    for (const row of rows) ids.add(row.registration_id)
  }
  return [...ids]
}

async function keysOf(db: Database, ids: readonly string[]) {
  const keys = new Map<string, DeviceKey[]>()
  for (const some of slices(ids)) {
    const rows = await db.read
      .selectFrom('registration_match_keys')
      .selectAll()
      .where('registration_id', 'in', some)
      .execute()
    for (const row of rows)
      keys.set(row.registration_id, [...(keys.get(row.registration_id) ?? []), toKey(row)])
  }
  return keys
}

async function setKeys(db: Database, keys: ReadonlyMap<string, readonly DeviceKey[]>): Promise<void> {
  if (keys.size === 0) return
  await write(db, async (tx) => {
    for (const [id, own] of keys) {
      await tx.deleteFrom('registration_match_keys').where('registration_id', '=', id).execute()
      const row = await tx.selectFrom('registrations').select('id').where('id', '=', id).executeTakeFirst()
      if (row === undefined || own.length === 0) continue
      await tx
        .insertInto('registration_match_keys')
        .values(own.map((key) => ({ ...key, registration_id: id })))
        .execute()
    }
  })
}

async function hold(tx: WriteTransaction, { id, vendor, posture, gone, since }: HeldBlock): Promise<void> {
  const row = await tx.selectFrom('registrations').select('id').where('id', '=', id).executeTakeFirst()
  if (row === undefined) return
  const values = { vendor, posture: JSON.stringify(posture), gone: gone ? 1 : 0, since }
  await tx
    .insertInto('held_blocks')
    .values({ registration_id: id, ...values })
    .onConflict((conflict) => conflict.column('registration_id').doNothing())
    .execute()
}

async function drop(tx: WriteTransaction, ids: readonly string[]): Promise<void> {
  await tx
    .deleteFrom('held_blocks')
    .where('registration_id', 'in', [...ids])
    .execute()
}

function toHeld(row: HeldBlockRow): HeldBlock {
  return {
    id: row.registration_id,
    vendor: row.vendor,
    posture: fromJson(postureSchema, row.posture, `held block of ${row.registration_id}`),
    gone: row.gone === 1,
    since: row.since,
  }
}

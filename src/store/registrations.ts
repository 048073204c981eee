import type { CompiledQuery } from 'kysely'
import type { DeviceState } from '../domain/registration.ts'
import type { Database } from './database.ts'
import type { FoundState, RegistrationQuery, RegistrationReader, RegistrationWriter } from './ports.ts'
import { register } from './register.ts'
import { addKeys, block, forget, osUpdated, removeKeys, unblock } from './registration-writes.ts'
import { toDeviceState } from './rows.ts'
import type { RegistrationKeyRow, RegistrationRow } from './schema.ts'

const longestPage = 1000

export function createRegistrations(db: Database): RegistrationReader & RegistrationWriter {
  return {
    findByKeys: createLookup(db),
    get: (id) => get(db, id),
    list: (query) => list(db, query),
    register: (registration, keys, clientsPerUser, spent = {}) =>
      register(db, { registration, keys, clientsPerUser, spent }),
    addKeys: (id, keys) => addKeys(db, id, keys),
    removeKeys: (hashes) => removeKeys(db, hashes),
    osUpdated: (updates) => osUpdated(db, updates),
    block: (id, by) => block(db, id, by),
    unblock: (id, by) => unblock(db, id, by),
    forget: (id, by) => forget(db, id, by),
  }
}

/**
 * The look-up of a request whose state is in no copy. Its SQL is put together once for each number of keys, which
 * would cost more than the database's answer; the parameters are the hashes and the time, in their order.
 */
function createLookup(db: Database): RegistrationReader['findByKeys'] {
  const compiled = new Map<number, CompiledQuery<LookupRow>>()
  return async (hashes, now) => {
    if (hashes.length === 0) return undefined
    const query = compiled.get(hashes.length) ?? lookupQuery(db, hashes, now).compile()
    compiled.set(hashes.length, query)
    const { rows } = await db.read.executeQuery<LookupRow>({ ...query, parameters: [...hashes, now] })
    return firstOf(hashes, rows)
  }
}

type LookupRow = RegistrationRow & Pick<RegistrationKeyRow, 'hash' | 'expires_at'>

/** Apart, so that a test can look at its query plan. */
export function lookupQuery(db: Database, hashes: readonly string[], now: number) {
  return db.read
    .selectFrom('registration_keys')
    .innerJoin('registrations', 'registrations.id', 'registration_keys.registration_id')
    .selectAll('registrations')
    .select(['registration_keys.hash', 'registration_keys.expires_at'])
    .where('registration_keys.hash', 'in', [...hashes])
    .where((row) => row.or([row('expires_at', 'is', null), row('expires_at', '>', now)]))
}

function firstOf(hashes: readonly string[], rows: readonly LookupRow[]): FoundState | undefined {
  for (const hash of hashes) {
    const row = rows.find((found) => found.hash === hash)
    if (row === undefined) continue
    return {
      state: toDeviceState(row),
      keyHash: hash,
      ...(row.expires_at === null ? {} : { keyExpiresAt: row.expires_at }),
    }
  }
  return undefined
}

async function get(db: Database, id: string): Promise<DeviceState | undefined> {
  const row = await db.read.selectFrom('registrations').selectAll().where('id', '=', id).executeTakeFirst()
  return row === undefined ? undefined : toDeviceState(row)
}

async function list(db: Database, query: RegistrationQuery): Promise<readonly DeviceState[]> {
  const after = query.after === undefined ? undefined : await position(db, query.after)
  const rows = await registrationsQuery(db, query, after).execute()
  return rows.map(toDeviceState)
}

interface Position {
  readonly registered_at: number
  readonly id: string
}

/** One page. Apart, so that a test can look at its query plan. */
export function registrationsQuery(db: Database, query: RegistrationQuery, after: Position | undefined) {
  const { service, user, blocked } = query
  let rows = db.read.selectFrom('registrations').selectAll()
  if (service !== undefined) rows = rows.where('service', '=', service)
  if (user !== undefined) rows = rows.where('user_name', '=', user)
  if (blocked !== undefined) rows = rows.where('blocked', '=', blocked ? 1 : 0)
  if (after !== undefined)
    rows = rows.where((row) =>
      row(row.refTuple('registered_at', 'id'), '<', row.tuple(after.registered_at, after.id)),
    )
  return rows.orderBy('registered_at', 'desc').orderBy('id', 'desc').limit(Math.min(query.limit, longestPage))
}

async function position(db: Database, id: string): Promise<Position> {
  const row = await db.read
    .selectFrom('registrations')
    .select(['registered_at', 'id'])
    .where('id', '=', id)
    .executeTakeFirst()
  if (row === undefined) throw new RangeError(`There is no registration ${id} to continue after`)
  return row
}

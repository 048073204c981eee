/**
 * A record with any number of registrations, in seconds: straight into the tables, through the store's own schema and
 * migrations. Each device has one cookie, which `deviceSecret` gives; two devices belong to one user.
 */
import { type Kysely, sql } from 'kysely'
import { clientKey } from '../src/clients/client-key.ts'
import type { StoreLocation } from '../src/store/location.ts'
import { migrateRecord } from '../src/store/open.ts'
import { withPostgres } from '../src/store/postgres.ts'
import type { Schema } from '../src/store/schema.ts'
import { withSqliteAlone } from '../src/store/sqlite.ts'

export interface Seed {
  readonly registrations: number
  readonly service: string
  /** Of the first device, in milliseconds; each following one registered a moment later. */
  readonly registeredAt: number
}

/** Rows in one statement. */
const atOnce = 10_000
/** Ids and users sort as their numbers do. */
const firstNumber = 10_000_000

/** The cookie of the nth device, counted from 0. */
export function deviceSecret(n: number): string {
  return String(n).padStart(43, 'd')
}

export function registrationId(n: number): string {
  return `r_${firstNumber + n}`
}

/** Adds the registrations to a record that has none. */
export async function seedRecord(location: StoreLocation, seed: Seed): Promise<void> {
  await migrateRecord(location)
  if (location.kind === 'sqlite') await withSqliteAlone(location.path, (db) => fill(db, 'sqlite', seed))
  else await withPostgres(location, (db) => fill(db, 'postgres', seed))
}

async function fill(db: Kysely<Schema>, kind: StoreLocation['kind'], seed: Seed): Promise<void> {
  // Whoever seeds begins anew after a crash, so nothing waits for the disk.
  if (kind === 'sqlite')
    for (const pragma of ['synchronous = off', 'cache_size = -500000'])
      await sql.raw(`pragma ${pragma}`).execute(db)
  for (let begin = 0; begin < seed.registrations; begin += atOnce) {
    const count = Math.min(atOnce, seed.registrations - begin)
    await addRegistrations(db, { ...seed, begin, count })
    await addKeys(db, kind, { ...seed, begin, count })
  }
  await db.updateTable('counters').set({ value: seed.registrations }).where('name', '=', 'changes').execute()
  await sql`analyze`.execute(db)
}

interface Batch extends Seed {
  readonly begin: number
  readonly count: number
}

async function addRegistrations(db: Kysely<Schema>, { service, registeredAt, begin, count }: Batch) {
  const first = sql.lit(firstNumber)
  await sql`
    insert into registrations (id, service, user_name, binding, device, evidence, networks, rule, source,
      registered_at, posture, blocked, version)
    with recursive numbers (n) as (
      select ${sql.lit(begin)} union all select n + 1 from numbers where n < ${sql.lit(begin + count - 1)})
    select 'r_' || (${first} + n), ${sql.lit(service)}, 'user' || (${first} + n / 2), 'cookie',
      '{"type":"browser","platform":"ios","model":"iPhone16,2","osVersion":"18.1","userAgent":"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15"}',
      '["network"]', '["office"]', 'Office', '127.0.0.1', ${sql.lit(registeredAt)} + n,
      '{"state":"unknown","match":"none"}', 0, n + 1
    from numbers`.execute(db)
}

/** Hashes are made here: SQLite has no SHA-256. */
async function addKeys(db: Kysely<Schema>, kind: StoreLocation['kind'], batch: Batch) {
  const { service, begin, count } = batch
  const hashes = JSON.stringify(
    Array.from({ length: count }, (_, n) => clientKey(service, 'cookie', deviceSecret(begin + n)).hash),
  )
  const numbered =
    kind === 'sqlite'
      ? sql`select key as n, value as hash from json_each(${hashes})`
      : sql`select ord - 1 as n, hash from json_array_elements_text(${hashes}::json) with ordinality as t (hash, ord)`
  await sql`
    insert into registration_keys (hash, registration_id, binding, position)
    select hash, 'r_' || (${sql.lit(firstNumber + begin)} + n), 'cookie', 1 from (${numbered}) as numbered`.execute(
    db,
  )
}

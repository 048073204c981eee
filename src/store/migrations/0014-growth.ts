import type { Kysely } from 'kysely'

/** What ends or is forgotten by time is found without going through all of it. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const tables = db.withTables<{ registration_keys: { expires_at: number | null } }>()
  // Most keys have no end.
  await tables.schema
    .createIndex('registration_keys_by_end')
    .on('registration_keys')
    .column('expires_at')
    .where('expires_at', 'is not', null)
    .execute()
  await db.schema.createIndex('app_devices_by_last_seen').on('app_devices').column('last_seen_at').execute()
}

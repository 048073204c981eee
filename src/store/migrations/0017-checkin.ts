import type { Kysely } from 'kysely'

/** Keys that have asked a SCEP server behind for a certificate, and the rights that devices were asked for when they enrolled. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('proxied_keys')
    .addColumn('public_key', 'text', (column) => column.primaryKey())
    .addColumn('enrollment', 'text', (column) => column.notNull())
    .addColumn('user_name', 'text')
    .addColumn('challenge', 'text', (column) => column.notNull())
    .addColumn('bound_at', 'bigint', (column) => column.notNull())
    .addColumn('ended_at', 'bigint')
    .execute()
  const tables = db.withTables<{ proxied_keys: { ended_at: number | null } }>()
  await tables.schema
    .createIndex('proxied_keys_by_enrollment')
    .on('proxied_keys')
    .column('enrollment')
    .execute()
  await tables.schema
    .createIndex('proxied_keys_by_end')
    .on('proxied_keys')
    .column('ended_at')
    .where('ended_at', 'is not', null)
    .execute()
  await db.schema.alterTable('enrollments').addColumn('access_rights', 'integer').execute()
  await db.schema.alterTable('scep_challenges').addColumn('access_rights', 'integer').execute()
}

import type { Kysely } from 'kysely'

/** Tokens that the MDM hands to the devices it manages, and the one that each registration rests on. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('mdm_tokens')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('hash', 'text', (column) => column.notNull().unique())
    .addColumn('label', 'text')
    .addColumn('origin', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('created_by', 'text', (column) => column.notNull())
    .addColumn('expires_at', 'bigint')
    .addColumn('revoked_at', 'bigint')
    .addColumn('revoked_by', 'text')
    .addColumn('revoked_why', 'text')
    .addColumn('uses', 'bigint', (column) => column.notNull())
    .addColumn('last_used_at', 'bigint')
    .execute()
  await db.schema.alterTable('registrations').addColumn('mdm_token', 'text').execute()
  await db.schema
    .createIndex('registrations_by_mdm_token')
    .on('registrations')
    .columns(['mdm_token', 'registered_at', 'id'])
    .execute()
  await db.schema
    .createIndex('registrations_by_app_device')
    .on('registrations')
    .column('app_device')
    .execute()
}

import type { Kysely } from 'kysely'

/** Devices that vendors' notifications have named, until whoever asks the vendors has looked them up. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('device_requests')
    .addColumn('vendor', 'text', (column) => column.notNull())
    .addColumn('vendor_device_id', 'text', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('device_requests_pk', ['vendor', 'vendor_device_id'])
    .execute()
  await db.schema.createIndex('device_requests_by_time').on('device_requests').column('at').execute()
}

import type { Kysely } from 'kysely'

/** Devices that are to be woken by a push: one row each, however many reasons there are. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('push_outbox')
    .addColumn('enrollment', 'text', (column) => column.primaryKey())
    .addColumn('wanted', 'bigint', (column) => column.notNull())
    .addColumn('due_at', 'bigint', (column) => column.notNull())
    .addColumn('failures', 'bigint', (column) => column.notNull())
    .addColumn('accepted', 'bigint', (column) => column.notNull())
    .addColumn('accepted_at', 'bigint')
    .addColumn('last_answer', 'text')
    .execute()
  await db.schema
    .createIndex('push_outbox_by_due')
    .on('push_outbox')
    .columns(['due_at', 'enrollment'])
    .execute()
}

import type { Kysely } from 'kysely'

/** Who does what only one process may do, and an index for removing old refusals. The audit log is removed by sequence. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('leases')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('holder', 'text', (column) => column.notNull())
    .addColumn('term', 'bigint', (column) => column.notNull())
    .addColumn('beat', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema.createIndex('refusals_by_time').on('refusals').columns(['at', 'sequence']).execute()
}

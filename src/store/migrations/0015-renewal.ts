import type { Kysely } from 'kysely'

/** What a certificate of a device takes the place of and came with, and how far the renewal of each identity is. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('scep_challenges').addColumn('renews', 'text').execute()
  for (const table of ['scep_challenges', 'certificates']) {
    await db.schema.alterTable(table).addColumn('profile', 'text').execute()
    await db.schema.alterTable(table).addColumn('managed_apple_id', 'text').execute()
  }
  await db.schema
    .createTable('renewals')
    .addColumn('enrollment', 'text', (column) => column.primaryKey())
    .addColumn('serial', 'text', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('command', 'text')
    .addColumn('attempts', 'integer', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('due_at', 'bigint')
    .addColumn('error', 'text')
    .execute()
}

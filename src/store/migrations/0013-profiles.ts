import type { Kysely } from 'kysely'

/** Which profiles were sent to which device, and to which groups the people who enroll belong. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('device_profiles')
    .addColumn('enrollment', 'text', (column) => column.notNull())
    .addColumn('identifier', 'text', (column) => column.notNull())
    .addColumn('revision', 'text', (column) => column.notNull())
    .addColumn('action', 'text', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('command', 'text')
    .addColumn('error', 'text')
    .addColumn('required', 'integer', (column) => column.notNull())
    .addColumn('attempts', 'integer', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('due_at', 'bigint')
    .addPrimaryKeyConstraint('device_profiles_pk', ['enrollment', 'identifier'])
    .execute()
  await db.schema
    .createIndex('device_profiles_by_state')
    .on('device_profiles')
    .columns(['identifier', 'state', 'enrollment'])
    .execute()
  await db.schema
    .createTable('enrollment_people')
    .addColumn('user_name', 'text', (column) => column.primaryKey())
    .addColumn('user_groups', 'text', (column) => column.notNull())
    .addColumn('email', 'text')
    .addColumn('full_name', 'text')
    .addColumn('at', 'bigint', (column) => column.notNull())
    .execute()
}

import type { Kysely } from 'kysely'

/** The company app: its devices, the binding links that were made for them, and which registration came of which. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('app_devices')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('user_name', 'text', (column) => column.notNull())
    .addColumn('ids', 'text', (column) => column.notNull())
    .addColumn('platform', 'text', (column) => column.notNull())
    .addColumn('app_version', 'text', (column) => column.notNull())
    .addColumn('thumbprint', 'text', (column) => column.notNull().unique())
    .addColumn('public_key', 'text', (column) => column.notNull())
    .addColumn('package_key', 'text', (column) => column.notNull())
    .addColumn('mdm_token', 'text')
    .addColumn('source', 'text', (column) => column.notNull())
    .addColumn('registered_at', 'bigint', (column) => column.notNull())
    .addColumn('last_seen_at', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema
    .createIndex('app_devices_by_user')
    .on('app_devices')
    .columns(['user_name', 'last_seen_at', 'id'])
    .execute()

  await db.schema
    .createTable('binding_tickets')
    .addColumn('hash', 'text', (column) => column.primaryKey())
    .addColumn('app_device_id', 'text', (column) =>
      column.notNull().references('app_devices.id').onDelete('cascade'),
    )
    .addColumn('service', 'text', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .addColumn('opened_at', 'bigint')
    .addColumn('holder', 'text')
    .addColumn('source', 'text')
    .addColumn('used_at', 'bigint')
    .addColumn('registration_id', 'text')
    .execute()
  const indices = {
    binding_tickets_by_holder: ['holder'],
    binding_tickets_by_source: ['source', 'service'],
    binding_tickets_by_device: ['app_device_id', 'service'],
    binding_tickets_by_end: ['expires_at'],
  }
  for (const [name, columns] of Object.entries(indices)) {
    await db.schema.createIndex(name).on('binding_tickets').columns(columns).execute()
  }

  await db.schema.alterTable('registrations').addColumn('device_ids', 'text').execute()
  await db.schema.alterTable('registrations').addColumn('app_device', 'text').execute()
}

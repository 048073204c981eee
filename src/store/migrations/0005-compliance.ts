import type { Kysely } from 'kysely'

/** What MDM vendors report, how each was read, and what administrators have said about it. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createManagedDevices(db)
  await createSweeps(db)
  await createPollRequests(db)
  await createLinks(db)
  await createHeldBlocks(db)
  await createMatchKeys(db)
}

async function createManagedDevices(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('managed_devices')
    .addColumn('vendor', 'text', (column) => column.notNull())
    .addColumn('vendor_device_id', 'text', (column) => column.notNull())
    .addColumn('body', 'text', (column) => column.notNull())
    .addColumn('digest', 'text', (column) => column.notNull())
    .addColumn('last_seen', 'bigint')
    .addColumn('learnt_at', 'bigint', (column) => column.notNull())
    .addColumn('due_at', 'bigint')
    .addColumn('ask_again', 'integer', (column) => column.notNull())
    .addPrimaryKeyConstraint('managed_devices_pk', ['vendor', 'vendor_device_id'])
    .execute()
  await db.schema.createIndex('managed_devices_by_due').on('managed_devices').column('due_at').execute()
  await db.schema
    .createIndex('managed_devices_by_ask')
    .on('managed_devices')
    .columns(['vendor', 'ask_again', 'vendor_device_id'])
    .execute()
  // One row for each way in which a device is found: its ids and the names of its user.
  await db.schema
    .createTable('managed_device_keys')
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('value', 'text', (column) => column.notNull())
    .addColumn('vendor', 'text', (column) => column.notNull())
    .addColumn('vendor_device_id', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('managed_device_keys_pk', ['kind', 'value', 'vendor', 'vendor_device_id'])
    .execute()
  await db.schema
    .createIndex('managed_device_keys_by_device')
    .on('managed_device_keys')
    .columns(['vendor', 'vendor_device_id'])
    .execute()
}

async function createSweeps(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('vendor_sweeps')
    .addColumn('vendor', 'text', (column) => column.notNull())
    .addColumn('started_at', 'bigint', (column) => column.notNull())
    .addColumn('finished_at', 'bigint', (column) => column.notNull())
    .addColumn('complete', 'integer', (column) => column.notNull())
    .addColumn('counts', 'text', (column) => column.notNull())
    .addColumn('error_code', 'text')
    .addColumn('error', 'text')
    .addPrimaryKeyConstraint('vendor_sweeps_pk', ['vendor', 'started_at'])
    .execute()
  await db.schema
    .createIndex('vendor_sweeps_by_complete')
    .on('vendor_sweeps')
    .columns(['vendor', 'complete', 'started_at'])
    .execute()
  await db.schema
    .createTable('vendor_confirmations')
    .addColumn('vendor', 'text', (column) => column.primaryKey())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('by', 'text', (column) => column.notNull())
    .execute()
}

async function createPollRequests(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('poll_requests')
    .addColumn('vendor', 'text', (column) => column.primaryKey())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .execute()
}

async function createLinks(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('device_links')
    .addColumn('registration_id', 'text', (column) =>
      column.primaryKey().references('registrations.id').onDelete('cascade'),
    )
    .addColumn('vendor', 'text', (column) => column.notNull())
    .addColumn('vendor_device_id', 'text', (column) => column.notNull())
    .addColumn('made_at', 'bigint', (column) => column.notNull())
    .addColumn('made_by', 'text', (column) => column.notNull())
    .addColumn('why', 'text', (column) => column.notNull())
    .execute()
  await db.schema
    .createIndex('device_links_by_device')
    .on('device_links')
    .columns(['vendor', 'vendor_device_id'])
    .execute()
  await db.schema
    .createTable('surplus_approvals')
    .addColumn('registration_id', 'text', (column) =>
      column.primaryKey().references('registrations.id').onDelete('cascade'),
    )
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('by', 'text', (column) => column.notNull())
    .execute()
  await db.schema
    .createTable('refresh_requests')
    .addColumn('registration_id', 'text', (column) =>
      column.primaryKey().references('registrations.id').onDelete('cascade'),
    )
    .addColumn('at', 'bigint', (column) => column.notNull())
    .execute()
}

async function createHeldBlocks(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('held_blocks')
    .addColumn('registration_id', 'text', (column) =>
      column.primaryKey().references('registrations.id').onDelete('cascade'),
    )
    .addColumn('vendor', 'text', (column) => column.notNull())
    .addColumn('posture', 'text', (column) => column.notNull())
    .addColumn('gone', 'integer', (column) => column.notNull())
    .addColumn('since', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema
    .createIndex('held_blocks_by_vendor')
    .on('held_blocks')
    .columns(['vendor', 'registration_id'])
    .execute()
}

/** By what a registration is found when a device changes: kept by the compliance role, not by whoever registers. */
async function createMatchKeys(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('registration_match_keys')
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('value', 'text', (column) => column.notNull())
    .addColumn('registration_id', 'text', (column) =>
      column.notNull().references('registrations.id').onDelete('cascade'),
    )
    .addPrimaryKeyConstraint('registration_match_keys_pk', ['kind', 'value', 'registration_id'])
    .execute()
  await db.schema
    .createIndex('registration_match_keys_by_registration')
    .on('registration_match_keys')
    .column('registration_id')
    .execute()
}

import type { Kysely } from 'kysely'

/** Enrolled Apple devices: who they are, which certificates speak for them, what they told, what they are to do. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createEnrollments(db)
  await createIdentities(db)
  await createInventory(db)
  await createCommands(db)
}

async function createEnrollments(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('enrollments')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('parent', 'text')
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('user_name', 'text')
    .addColumn('ids', 'text', (column) => column.notNull())
    .addColumn('serial', 'text')
    .addColumn('device', 'text', (column) => column.notNull())
    .addColumn('certificate', 'text', (column) => column.notNull())
    .addColumn('topic', 'text')
    .addColumn('token', 'text')
    .addColumn('magic', 'text')
    .addColumn('token_at', 'bigint')
    .addColumn('unlock_token', 'text')
    .addColumn('bootstrap_token', 'text')
    .addColumn('awaiting', 'integer', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('authenticated_at', 'bigint', (column) => column.notNull())
    .addColumn('last_seen_at', 'bigint', (column) => column.notNull())
    .addColumn('ended_at', 'bigint')
    .addColumn('ended_by', 'text')
    .addColumn('ended_why', 'text')
    .execute()
  const indices = {
    enrollments_by_state: ['state', 'id'],
    enrollments_by_user: ['user_name', 'id'],
    enrollments_by_parent: ['parent'],
    enrollments_by_serial: ['serial'],
  }
  for (const [name, columns] of Object.entries(indices)) {
    await db.schema.createIndex(name).on('enrollments').columns(columns).execute()
  }
}

/** A certificate speaks for one enrollment, for good: what another device has shown is nobody else's. */
async function createIdentities(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('enrollment_identities')
    .addColumn('certificate', 'text', (column) => column.primaryKey())
    .addColumn('public_key', 'text', (column) => column.notNull())
    .addColumn('enrollment', 'text', (column) => column.notNull().references('enrollments.id'))
    .addColumn('pinned_at', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema
    .createIndex('enrollment_identities_by_enrollment')
    .on('enrollment_identities')
    .columns(['enrollment', 'pinned_at'])
    .execute()
}

async function createInventory(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('enrollment_inventory')
    .addColumn('enrollment', 'text', (column) => column.notNull().references('enrollments.id'))
    .addColumn('part', 'text', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('body', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('enrollment_inventory_pk', ['enrollment', 'part'])
    .execute()
}

async function createCommands(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('mdm_commands')
    .addColumn('uuid', 'text', (column) => column.primaryKey())
    .addColumn('enrollment', 'text', (column) => column.notNull().references('enrollments.id'))
    .addColumn('request_type', 'text', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    // 1 while it waits: so that a device's next command is found however many it has had.
    .addColumn('waiting', 'integer', (column) => column.notNull())
    .addColumn('sequence', 'bigint', (column) => column.notNull())
    .addColumn('payload', 'text', (column) => column.notNull())
    .addColumn('renewal', 'integer', (column) => column.notNull())
    .addColumn('routine', 'integer', (column) => column.notNull())
    .addColumn('queued_at', 'bigint', (column) => column.notNull())
    .addColumn('queued_by', 'text', (column) => column.notNull())
    .addColumn('attempts', 'integer', (column) => column.notNull())
    .addColumn('sent_at', 'bigint')
    .addColumn('not_before', 'bigint')
    .addColumn('expires_at', 'bigint')
    .addColumn('finished_at', 'bigint')
    .addColumn('errors', 'text')
    .addColumn('result', 'text')
    .execute()
  const indices = {
    mdm_commands_by_queue: ['enrollment', 'waiting', 'sequence'],
    mdm_commands_by_waiting: ['waiting', 'enrollment'],
  }
  for (const [name, columns] of Object.entries(indices)) {
    await db.schema.createIndex(name).on('mdm_commands').columns(columns).execute()
  }
}

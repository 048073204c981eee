import type { Kysely } from 'kysely'

/** The record of the gateway: registrations, approvals, bypasses, refusals, audit, changes. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createRegistrations(db)
  await createGrants(db)
  await createApprovals(db)
  await createBypasses(db)
  await createRefusals(db)
  await createAudit(db)
  await createChanges(db)
  await createInstallationKeys(db)
}

async function createRegistrations(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('registrations')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('service', 'text', (column) => column.notNull())
    .addColumn('user_name', 'text', (column) => column.notNull())
    .addColumn('binding', 'text', (column) => column.notNull())
    .addColumn('device', 'text', (column) => column.notNull())
    .addColumn('evidence', 'text', (column) => column.notNull())
    .addColumn('networks', 'text', (column) => column.notNull())
    .addColumn('rule', 'text', (column) => column.notNull())
    .addColumn('source', 'text', (column) => column.notNull())
    .addColumn('registered_at', 'bigint', (column) => column.notNull())
    .addColumn('posture', 'text', (column) => column.notNull())
    .addColumn('blocked', 'integer', (column) => column.notNull())
    .addColumn('blocked_at', 'bigint')
    .addColumn('blocked_by', 'text')
    .addColumn('blocked_why', 'text')
    .addColumn('version', 'bigint', (column) => column.notNull())
    .execute()
  // One index for each way in which the list is asked for; all end in the order of the pages.
  const lists = {
    registrations_by_time: ['registered_at', 'id'],
    registrations_by_service: ['service', 'registered_at', 'id'],
    registrations_by_user: ['user_name', 'service', 'registered_at', 'id'],
    registrations_by_user_time: ['user_name', 'registered_at', 'id'],
    registrations_by_block: ['blocked', 'registered_at', 'id'],
  }
  for (const [name, columns] of Object.entries(lists)) {
    await db.schema.createIndex(name).on('registrations').columns(columns).execute()
  }

  await db.schema
    .createTable('registration_keys')
    .addColumn('hash', 'text', (column) => column.primaryKey())
    .addColumn('registration_id', 'text', (column) =>
      column.notNull().references('registrations.id').onDelete('cascade'),
    )
    .addColumn('binding', 'text', (column) => column.notNull())
    .addColumn('expires_at', 'bigint')
    .addColumn('position', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema
    .createIndex('registration_keys_by_registration')
    .on('registration_keys')
    .column('registration_id')
    .execute()
}

async function createGrants(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('grants')
    .addColumn('hash', 'text', (column) => column.primaryKey())
    .addColumn('service', 'text', (column) => column.notNull())
    .addColumn('user_name', 'text', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema.createIndex('grants_by_end').on('grants').column('expires_at').execute()
}

async function createApprovals(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('approvals')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('service', 'text', (column) => column.notNull())
    .addColumn('user_name', 'text')
    .addColumn('device', 'text', (column) => column.notNull())
    .addColumn('source', 'text', (column) => column.notNull())
    .addColumn('rule', 'text', (column) => column.notNull())
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('requested_at', 'bigint', (column) => column.notNull())
    .addColumn('decided_at', 'bigint')
    .addColumn('decided_by', 'text')
    .execute()
  await db.schema
    .createIndex('approvals_by_status')
    .on('approvals')
    .columns(['status', 'requested_at', 'id'])
    .execute()
  await db.schema.createIndex('approvals_by_time').on('approvals').columns(['requested_at', 'id']).execute()

  await db.schema
    .createTable('approval_keys')
    .addColumn('hash', 'text', (column) => column.notNull())
    .addColumn('approval_id', 'text', (column) =>
      column.notNull().references('approvals.id').onDelete('cascade'),
    )
    .addPrimaryKeyConstraint('approval_keys_pk', ['hash', 'approval_id'])
    .execute()
  await db.schema.createIndex('approval_keys_by_approval').on('approval_keys').column('approval_id').execute()
}

async function createBypasses(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('bypasses')
    .addColumn('service', 'text', (column) => column.primaryKey())
    .addColumn('until', 'bigint', (column) => column.notNull())
    .addColumn('opened_at', 'bigint', (column) => column.notNull())
    .addColumn('opened_by', 'text', (column) => column.notNull())
    .addColumn('why', 'text', (column) => column.notNull())
    .execute()
}

async function createRefusals(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('refusals')
    .addColumn('sequence', 'bigint', (column) => column.primaryKey())
    .addColumn('reference', 'text', (column) => column.notNull().unique())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('body', 'text', (column) => column.notNull())
    .execute()
}

async function createAudit(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('audit')
    .addColumn('sequence', 'bigint', (column) => column.primaryKey())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('action', 'text', (column) => column.notNull())
    .addColumn('actor', 'text', (column) => column.notNull())
    .addColumn('subject', 'text', (column) => column.notNull())
    .addColumn('why', 'text')
    .addColumn('details', 'text', (column) => column.notNull())
    .addColumn('previous_hash', 'text', (column) => column.notNull())
    .addColumn('hash', 'text', (column) => column.notNull())
    .execute()
  await db.schema.createIndex('audit_by_subject').on('audit').columns(['subject', 'sequence']).execute()
}

async function createChanges(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('changes')
    .addColumn('sequence', 'bigint', (column) => column.primaryKey())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('subject', 'text', (column) => column.notNull())
    .execute()
  await db.schema
    .createTable('counters')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('value', 'bigint', (column) => column.notNull())
    .execute()
  const counters = db.withTables<{ counters: { name: string; value: number } }>()
  await counters
    .insertInto('counters')
    .values(['changes', 'audit', 'refusals'].map((name) => ({ name, value: 0 })))
    .execute()
}

async function createInstallationKeys(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('installation_keys')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('value', 'text', (column) => column.notNull())
    .execute()
}

import type { Kysely } from 'kysely'

/** What our certificate authorities have issued and revoked, and the one-time passwords of SCEP. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('authorities')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('certificate', 'text', (column) => column.notNull())
    .addColumn('chain', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('retired_at', 'bigint')
    .addColumn('crl_number', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema
    .createTable('certificates')
    .addColumn('serial', 'text', (column) => column.primaryKey())
    .addColumn('authority', 'text', (column) => column.notNull())
    .addColumn('purpose', 'text', (column) => column.notNull())
    .addColumn('fingerprint', 'text', (column) => column.notNull().unique())
    .addColumn('public_key', 'text', (column) => column.notNull())
    .addColumn('enrollment', 'text', (column) => column.notNull())
    .addColumn('user_name', 'text')
    .addColumn('certificate', 'text', (column) => column.notNull())
    .addColumn('not_before', 'bigint', (column) => column.notNull())
    .addColumn('not_after', 'bigint', (column) => column.notNull())
    .addColumn('issued_at', 'bigint', (column) => column.notNull())
    .addColumn('scep_transaction', 'text')
    .addColumn('challenge', 'text')
    .addColumn('predecessor', 'text')
    .addColumn('revoked_at', 'bigint')
    .addColumn('revoked_by', 'text')
    .addColumn('revoked_why', 'text')
    .addColumn('revoked_reason', 'text')
    .execute()
  await index(db, 'certificates_by_public_key', ['public_key', 'issued_at'])
  await index(db, 'certificates_by_enrollment', ['enrollment', 'issued_at'])
  await index(db, 'certificates_by_issue', ['issued_at', 'serial'])
  await index(db, 'certificates_by_revocation', ['revoked_at', 'not_after'])
  await index(db, 'certificates_by_authority', ['authority', 'not_after'])
  await db.schema
    .createTable('scep_challenges')
    .addColumn('hash', 'text', (column) => column.primaryKey())
    .addColumn('enrollment', 'text', (column) => column.notNull())
    .addColumn('user_name', 'text')
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .addColumn('used_by', 'text')
    .execute()
  await db.schema.createIndex('scep_challenges_by_end').on('scep_challenges').column('expires_at').execute()
  await db.schema
    .createIndex('scep_challenges_by_enrollment')
    .on('scep_challenges')
    .column('enrollment')
    .execute()
}

function index(db: Kysely<unknown>, name: string, columns: string[]): Promise<void> {
  return db.schema.createIndex(name).on('certificates').columns(columns).execute()
}

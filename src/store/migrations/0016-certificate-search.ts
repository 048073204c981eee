import type { Kysely } from 'kysely'

/** Certificates are looked for by their user. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createIndex('certificates_by_user')
    .on('certificates')
    .columns(['user_name', 'issued_at', 'serial'])
    .execute()
}

import type { Kysely } from 'kysely'

/** An administrator ends the trust in a key of the company app. The row stays, so that the key does not come back. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const [name, type] of [
    ['revoked_at', 'bigint'],
    ['revoked_by', 'text'],
    ['revoked_why', 'text'],
  ] as const)
    await db.schema.alterTable('app_devices').addColumn(name, type).execute()
  await db.schema
    .createIndex('app_devices_by_package_key')
    .on('app_devices')
    .columns(['package_key', 'id'])
    .execute()
}

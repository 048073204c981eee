import type { Kysely } from 'kysely'

/** With which profile a key came that asked a SCEP server behind, and which certificate of that profile its own takes the place of. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('proxied_keys').addColumn('profile', 'text').execute()
  await db.schema.alterTable('proxied_keys').addColumn('renews', 'text').execute()
  const tables = db.withTables<{
    proxied_keys: { challenge: string; profile: string | null }
    scep_challenges: { hash: string; profile: string | null }
  }>()
  await tables
    .updateTable('proxied_keys')
    .set(({ selectFrom }) => ({
      profile: selectFrom('scep_challenges')
        .select('scep_challenges.profile')
        .whereRef('scep_challenges.hash', '=', 'proxied_keys.challenge'),
    }))
    .execute()
}

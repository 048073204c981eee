import type { Kysely } from 'kysely'

/**
 * A random mark on each change. A record that was restored from a back-up counts its changes anew from there: by the mark, who
 * has seen a change knows whether the one of this number is still the same.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('changes')
    .addColumn('mark', 'text', (column) => column.notNull().defaultTo(''))
    .execute()
}

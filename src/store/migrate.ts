import { type Kysely, sql } from 'kysely'
import { DEFAULT_MIGRATION_TABLE, Migrator } from 'kysely/migration'
import { RecordUnavailable } from './errors.ts'
import { migrations } from './migrations/table.ts'
import type { Schema } from './schema.ts'
import { transferTable } from './tables.ts'

export interface MigrationStatus {
  readonly applied: readonly string[]
  readonly pending: readonly string[]
}

/** Which steps the database has taken. Changes nothing. @throws RecordUnavailable `newer-version` */
export async function migrationStatus(
  db: Kysely<Schema>,
  { whileTransferring = false } = {},
): Promise<MigrationStatus> {
  const tables = await tableNames(db)
  if (!whileTransferring && tables.has(transferTable)) throw unfinished()
  const applied = await appliedSteps(db, tables)
  refuseNewer(applied)
  return { applied, pending: Object.keys(migrations).filter((name) => !applied.includes(name)) }
}

/**
 * Brings the database to the present schema: one transaction, so that it is done wholly or not at all, and so that of
 * several processes that start together one does it and the others find it done.
 * @returns the steps that were taken now
 * @throws RecordUnavailable `newer-version`, `migration`, or what the driver says
 */
export async function migrate(
  db: Kysely<Schema>,
  options: { readonly whileTransferring?: boolean } = {},
): Promise<readonly string[]> {
  const { pending } = await migrationStatus(db, options)
  if (pending.length === 0) return []
  const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ ...migrations }) } })
  const { error, results } = await migrator.migrateToLatest()
  if (error !== undefined) {
    refuseNewer(await appliedSteps(db, await tableNames(db)))
    if (error instanceof RecordUnavailable) throw error
    throw new RecordUnavailable('migration', 'The record could not be migrated', { cause: error })
  }
  return (results ?? []).map((result) => result.migrationName)
}

async function tableNames(db: Kysely<Schema>): Promise<ReadonlySet<string>> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true })
  return new Set(tables.map(({ name }) => name))
}

/** Half an installation would refuse the other half's devices, or let in those that are blocked there. */
function unfinished(): RecordUnavailable {
  return new RecordUnavailable(
    'migration',
    'An installation is being moved into this database: run the same `gatehouse migrate --from …` again to finish that, or empty it',
  )
}

async function appliedSteps(db: Kysely<Schema>, tables: ReadonlySet<string>): Promise<string[]> {
  if (!tables.has(DEFAULT_MIGRATION_TABLE)) return []
  const { rows } = await sql<{
    name: string
  }>`select name from ${sql.table(DEFAULT_MIGRATION_TABLE)}`.execute(db)
  return rows.map((row) => row.name).sort()
}

/** An older program on a newer database would write what the newer one cannot trust. */
function refuseNewer(applied: readonly string[]): void {
  const unknown = applied.filter((name) => !(name in migrations))
  if (unknown.length === 0) return
  if (unknown.length === applied.length)
    throw new RecordUnavailable(
      'migration',
      'The database holds the tables of another program: take an empty one',
    )
  const newest = Object.keys(migrations).at(-1)
  throw new RecordUnavailable(
    'newer-version',
    `The record has version ${unknown.at(-1)}, this program knows versions up to ${newest}: use the newer program`,
  )
}

import type { StoreLocation } from './location.ts'
import type { MigrationStatus } from './migrate.ts'
import type { Store } from './ports.ts'
import { migratePostgres, openPostgresStore, postgresMigrationStatus } from './postgres.ts'
import { migrateSqlite, openSqliteStore, sqliteMigrationStatus } from './sqlite.ts'

export interface OpenOptions {
  readonly now: () => number
  /** For leases; the machine's own when undefined. */
  readonly monotonic?: () => number
  /** Called after each committed write that `Changes` tell of. */
  readonly onChange?: () => void
  /** The random part of public ids. */
  readonly newId?: () => string
  readonly logger?: { warn(fields: object, message: string): void }
}

/** Opens the record, and migrates it where needed. @throws RecordUnavailable */
export function openStore(location: StoreLocation, options: OpenOptions): Promise<Store> {
  return location.kind === 'sqlite'
    ? openSqliteStore(location.path, options)
    : openPostgresStore(location, options)
}

/** Which steps the record has taken. @throws RecordUnavailable */
export function recordMigrationStatus(location: StoreLocation): Promise<MigrationStatus> {
  return location.kind === 'sqlite' ? sqliteMigrationStatus(location.path) : postgresMigrationStatus(location)
}

/** @returns the steps that were taken now */
export function migrateRecord(location: StoreLocation): Promise<readonly string[]> {
  return location.kind === 'sqlite' ? migrateSqlite(location.path) : migratePostgres(location)
}

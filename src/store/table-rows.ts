import { createHash } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import type { Schema } from './schema.ts'
import type { Table } from './tables.ts'

export type Cell = string | number | null
/** By column. */
export type Row = Readonly<Record<string, Cell>>
/** Values of a row's primary key. */
export type Key = readonly Cell[]

const rowsAtOnce = 500

export function keyOfRow(table: Table, row: Row): Key {
  return table.key.map((column) => row[column] ?? null)
}

/** The rows of a table in the order of its primary key, in batches, above `after`. */
export async function* batches(
  db: Kysely<Schema>,
  table: Table,
  after: Key | undefined,
): AsyncIterableIterator<readonly Row[]> {
  const key = sql.join(table.key.map((column) => sql.ref(column)))
  const columns = sql.join(table.columns.map((column) => sql.ref(column)))
  for (let last = after; ; ) {
    const above = last === undefined ? sql`` : sql`where (${key}) > (${sql.join([...last])})`
    const { rows } = await sql<Row>`
      select ${columns} from ${sql.table(table.name)} ${above} order by ${key} limit ${sql.lit(rowsAtOnce)}`.execute(
      db,
    )
    const end = rows.at(-1)
    if (end === undefined) return
    yield rows
    last = keyOfRow(table, end)
  }
}

export async function insertRows(db: Kysely<Schema>, table: Table, rows: readonly Row[]): Promise<void> {
  const columns = sql.join(table.columns.map((column) => sql.ref(column)))
  const values = rows.map((row) => sql`(${sql.join(table.columns.map((column) => row[column] ?? null))})`)
  await sql`insert into ${sql.table(table.name)} (${columns}) values ${sql.join(values)}`.execute(db)
}

export interface Content {
  readonly rows: number
  /** SHA-256 over all values of all rows, in the order of the primary key. */
  readonly digest: string
}

/** The same in every database that holds the same rows: both sort text by its bytes. */
export async function contentOf(
  db: Kysely<Schema>,
  table: Table,
  onRows: (count: number) => void | Promise<void>,
): Promise<Content> {
  const hash = createHash('sha256')
  let count = 0
  for await (const rows of batches(db, table, undefined)) {
    for (const row of rows)
      hash.update(`${JSON.stringify(table.columns.map((column) => row[column] ?? null))}\n`)
    count += rows.length
    await onRows(count)
  }
  return { rows: count, digest: hash.digest('hex') }
}

export async function countRows(db: Kysely<Schema>, table: Table): Promise<number> {
  const { rows } = await sql<{
    count: number
  }>`select count(*) as count from ${sql.table(table.name)}`.execute(db)
  return Number(rows[0]?.count ?? 0)
}

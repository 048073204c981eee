import { type Kysely, sql } from 'kysely'
import type { StoreLocation } from './location.ts'
import type { Schema } from './schema.ts'

/** A table of the record as the database describes it: a later migration's tables are found without being named here. */
export interface Table {
  readonly name: string
  /** In the order of their names, which is the same in every database. */
  readonly columns: readonly string[]
  /** The columns of the primary key, in its order. */
  readonly key: readonly string[]
  /** Tables that its rows refer to. */
  readonly parents: readonly string[]
}

type Kind = StoreLocation['kind']

/** Every table of the record, each after those that it refers to. */
export async function readTables(db: Kysely<Schema>, kind: Kind): Promise<readonly Table[]> {
  const described = await db.introspection.getTables()
  const names = described.filter(({ isView }) => !isView).map(({ name }) => name)
  const tables: Table[] = []
  for (const name of names.filter((name) => !name.startsWith('sqlite_') && name !== transferTable)) {
    const columns = described.find((table) => table.name === name)?.columns ?? []
    const key = await keyOf[kind](db, name)
    // Without one, rows could be neither moved in steps nor compared.
    if (key.length === 0) throw new TypeError(`The table ${name} has no primary key`)
    const parents = await parentsOf[kind](db, name)
    tables.push({ name, columns: columns.map((column) => column.name).sort(), key, parents })
  }
  return parentsFirst(tables)
}

/** Says, while an installation is being moved into a database, how far that is. */
export const transferTable = 'gatehouse_transfer'

type Describe = (db: Kysely<Schema>, table: string) => Promise<readonly string[]>

const keyOf: Readonly<Record<Kind, Describe>> = {
  sqlite: async (db, table) => {
    const { rows } = await sql<{ name: string }>`
      select name from pragma_table_info(${table}) where pk > 0 order by pk`.execute(db)
    return rows.map(({ name }) => name)
  },
  postgres: async (db, table) => {
    const { rows } = await sql<{ name: string }>`
      select a.attname as name from pg_index i
      cross join lateral unnest(i.indkey) with ordinality as k(attnum, position)
      join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
      where i.indrelid = ${table}::regclass and i.indisprimary order by k.position`.execute(db)
    return rows.map(({ name }) => name)
  },
}

const parentsOf: Readonly<Record<Kind, Describe>> = {
  sqlite: async (db, table) => {
    const { rows } = await sql<{ name: string }>`
      select distinct "table" as name from pragma_foreign_key_list(${table})`.execute(db)
    return rows.map(({ name }) => name)
  },
  postgres: async (db, table) => {
    const { rows } = await sql<{ name: string }>`
      select distinct p.relname as name from pg_constraint c join pg_class p on p.oid = c.confrelid
      where c.conrelid = ${table}::regclass and c.contype = 'f'`.execute(db)
    return rows.map(({ name }) => name)
  },
}

function parentsFirst(tables: readonly Table[]): readonly Table[] {
  const sorted: Table[] = []
  const waiting = new Map(tables.map((table) => [table.name, table]))
  while (waiting.size > 0) {
    const ready = [...waiting.values()].filter(({ name, parents }) =>
      parents.every((parent) => parent === name || !waiting.has(parent)),
    )
    if (ready.length === 0)
      throw new TypeError(`The tables ${[...waiting.keys()].join(', ')} refer to each other`)
    for (const table of ready.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      sorted.push(table)
      waiting.delete(table.name)
    }
  }
  return sorted
}

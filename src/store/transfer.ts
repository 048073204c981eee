/**
 * Moves an installation from one database to another, of whichever kind: every table in batches in the order of its
 * primary key, together with how far that is, so that a move that was killed continues where it was. At the end both
 * sides are read and compared. Nobody else can use either of them meanwhile, and no gateway opens a database whose move is
 * not finished.
 */
import { existsSync } from 'node:fs'
import { type Kysely, sql } from 'kysely'
import { RecordUnavailable } from './errors.ts'
import { describeLocation, type StoreLocation } from './location.ts'
import { migrate, migrationStatus } from './migrate.ts'
import { withPostgresAlone } from './postgres.ts'
import type { Schema } from './schema.ts'
import { withSqliteAlone } from './sqlite.ts'
import { batches, type Content, contentOf, countRows, insertRows, type Key, keyOfRow } from './table-rows.ts'
import { readTables, type Table, transferTable } from './tables.ts'

export interface TransferProgress {
  readonly table: string
  readonly doing: 'copying' | 'comparing'
  readonly rows: number
  readonly of: number
}

export interface TransferResult {
  readonly tables: readonly ({ readonly table: string } & Content)[]
  /** Rows that an earlier attempt had moved already. */
  readonly resumed: number
}

/** The move waits for what it returns. */
type OnProgress = (progress: TransferProgress) => void | Promise<void>

/** @throws RecordUnavailable when one of the two is in use, is not what it should be, or in the end is not the same */
export async function transferRecord(
  from: StoreLocation,
  to: StoreLocation,
  onProgress: OnProgress = () => {},
): Promise<TransferResult> {
  const [source, target] = [describeLocation(from), describeLocation(to)]
  if (source === target) throw refused(`Both are ${source}`)
  if (from.kind === 'sqlite' && !existsSync(from.path)) throw refused(`There is no record at ${source}`)
  return alone(from, 'source', async (reading) => {
    await assertUpToDate(reading, source)
    return alone(to, 'target', async (writing) => {
      await migrate(writing, { whileTransferring: true })
      const move = new Move({ reading, writing, source, target, onProgress })
      return move.run(await readTables(reading, from.kind), await readTables(writing, to.kind))
    })
  })
}

function alone<T>(
  location: StoreLocation,
  side: 'source' | 'target',
  work: (db: Kysely<Schema>) => Promise<T>,
): Promise<T> {
  return location.kind === 'sqlite'
    ? withSqliteAlone(location.path, work)
    : withPostgresAlone(location, side, work)
}

async function assertUpToDate(db: Kysely<Schema>, source: string): Promise<void> {
  const { pending } = await migrationStatus(db)
  if (pending.length > 0)
    throw refused(`${source} is of an older version: run \`gatehouse migrate\` with it in the settings first`)
}

interface Sides {
  readonly reading: Kysely<Schema>
  readonly writing: Kysely<Schema>
  readonly source: string
  readonly target: string
  readonly onProgress: OnProgress
}

class Move {
  readonly #sides: Sides
  #resumed = 0

  constructor(sides: Sides) {
    this.#sides = sides
  }

  async run(tables: readonly Table[], targets: readonly Table[]): Promise<TransferResult> {
    assertSameShape(tables, targets)
    await this.#begin(tables)
    for (const table of tables) await this.#copy(table)
    const compared = await this.#compare(tables)
    const { writing } = this.#sides
    await sql`drop table ${sql.table(transferTable)}`.execute(writing)
    // So that the planner knows what it has before the first device asks.
    await sql`analyze`.execute(writing)
    return { tables: compared, resumed: this.#resumed }
  }

  async #begin(tables: readonly Table[]): Promise<void> {
    const { writing, source, target } = this.#sides
    const begun = await begunFrom(writing)
    if (begun === source) return
    if (begun !== undefined)
      throw refused(`${target} holds a part of ${begun}: finish that move, or take an empty database`)
    if (await isUsed(writing))
      throw refused(`${target} holds an installation already: take an empty database`)
    await writing.transaction().execute(async (tx) => {
      await sql`create table ${sql.table(transferTable)} (name text primary key, value text not null)`.execute(
        tx,
      )
      await remember(tx, 'source', source)
      // What the migrations put there comes from the source instead.
      for (const { name } of tables.toReversed()) await sql`delete from ${sql.table(name)}`.execute(tx)
    })
  }

  async #copy(table: Table): Promise<void> {
    const { reading, writing, onProgress } = this.#sides
    const of = await countRows(reading, table)
    const after = await recall(writing, `table ${table.name}`)
    let rows = after === undefined ? 0 : await countRows(writing, table)
    this.#resumed += rows
    // Our own word of an earlier attempt, from `keyOfRow`.
    const key = after === undefined ? undefined : (JSON.parse(after) as Key)
    for await (const batch of batches(reading, table, key)) {
      await writing.transaction().execute(async (tx) => {
        await insertRows(tx, table, batch)
        const last = batch.at(-1)
        if (last !== undefined)
          await remember(tx, `table ${table.name}`, JSON.stringify(keyOfRow(table, last)))
      })
      rows += batch.length
      await onProgress({ table: table.name, doing: 'copying', rows, of })
    }
  }

  async #compare(tables: readonly Table[]): Promise<({ table: string } & Content)[]> {
    const { reading, writing, source, target, onProgress } = this.#sides
    const same: ({ table: string } & Content)[] = []
    const different: string[] = []
    for (const table of tables) {
      const { name } = table
      const theirs = await contentOf(reading, table, () => {})
      const ours = await contentOf(writing, table, (rows) =>
        onProgress({ table: name, doing: 'comparing', rows, of: theirs.rows }),
      )
      if (ours.digest === theirs.digest) same.push({ table: name, ...ours })
      else different.push(`${name} (${theirs.rows} and ${ours.rows} rows)`)
    }
    if (different.length === 0) return same
    throw refused(
      `${source} and ${target} are not the same in ${different.join(', ')}: keep to ${source}, empty ${target} and move anew`,
    )
  }
}

function assertSameShape(tables: readonly Table[], targets: readonly Table[]): void {
  const shape = (all: readonly Table[]) =>
    JSON.stringify(all.map(({ name, columns, key }) => [name, columns, key]))
  if (shape(tables) !== shape(targets)) throw refused('The two databases do not have the same tables')
}

/** Every write of ours counts; a database that has only been migrated has counted nothing. */
async function isUsed(db: Kysely<Schema>): Promise<boolean> {
  const counters = await db.selectFrom('counters').select('value').execute()
  return counters.some(({ value }) => value > 0)
}

async function begunFrom(db: Kysely<Schema>): Promise<string | undefined> {
  const tables = await db.introspection.getTables()
  return tables.some(({ name }) => name === transferTable) ? recall(db, 'source') : undefined
}

async function recall(db: Kysely<Schema>, name: string): Promise<string | undefined> {
  const { rows } = await sql<{ value: string }>`
    select value from ${sql.table(transferTable)} where name = ${name}`.execute(db)
  return rows[0]?.value
}

async function remember(db: Kysely<Schema>, name: string, value: string): Promise<void> {
  await sql`insert into ${sql.table(transferTable)} (name, value) values (${name}, ${value})
    on conflict (name) do update set value = excluded.value`.execute(db)
}

function refused(message: string): RecordUnavailable {
  return new RecordUnavailable('migration', message)
}

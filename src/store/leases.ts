import type { Database } from './database.ts'
import type { Leases } from './ports.ts'
import type { LeaseRow } from './schema.ts'

/**
 * A lease is a row with its holder, a term that grows with each new holder, and a beat that each renewal moves on. Nobody
 * reads a clock of the record or of another machine: whoever wants it watches the beat, and takes it over when the
 * beat has stood still for the whole time by its own monotonic clock. Each step is one conditional statement, so that of several
 * contenders one wins.
 */
export function createLeases(db: Database): Leases {
  const monotonic = db.monotonic ?? (() => performance.now())
  const watched = new Map<string, Watched>()
  return {
    async hold(name, holder, ttlMs) {
      const mine = await renew(db, name, holder)
      if (mine !== undefined) {
        watched.delete(name)
        return mine
      }
      const row = await read(db, name)
      if (row === undefined) return create(db, name, holder)
      if (row.holder !== nobody && !hasStoodStill(watched, row, { now: monotonic(), ttlMs })) return undefined
      return takeOver(db, row, holder)
    },
    async release(name, holder) {
      await db.write
        .updateTable('leases')
        .set((row) => ({ holder: nobody, beat: row('beat', '+', 1) }))
        .where('name', '=', name)
        .where('holder', '=', holder)
        .execute()
    },
    async list() {
      const rows = await db.read
        .selectFrom('leases')
        .select(['name', 'holder', 'term'])
        .where('holder', '!=', nobody)
        .orderBy('name')
        .execute()
      return rows.map(({ name, holder, term }) => ({ name, holder, term }))
    },
  }
}

/** The row of a released lease stays, so that its terms go on growing. */
const nobody = ''

/** What a contender saw last, and since when by its monotonic clock. */
interface Watched {
  readonly term: number
  readonly beat: number
  readonly since: number
}

function hasStoodStill(
  watched: Map<string, Watched>,
  { name, term, beat }: LeaseRow,
  { now, ttlMs }: { readonly now: number; readonly ttlMs: number },
): boolean {
  const before = watched.get(name)
  if (before?.term === term && before.beat === beat) return now - before.since >= ttlMs
  watched.set(name, { term, beat, since: now })
  return false
}

async function renew(db: Database, name: string, holder: string): Promise<number | undefined> {
  const row = await db.write
    .updateTable('leases')
    .set((current) => ({ beat: current('beat', '+', 1) }))
    .where('name', '=', name)
    .where('holder', '=', holder)
    .returning('term')
    .executeTakeFirst()
  return row?.term
}

/** Where reads are apart from writes, what another process has just committed shows in both. */
function read(db: Database, name: string): Promise<LeaseRow | undefined> {
  return db.read.selectFrom('leases').selectAll().where('name', '=', name).executeTakeFirst()
}

async function create(db: Database, name: string, holder: string): Promise<number | undefined> {
  const row = await db.write
    .insertInto('leases')
    .values({ name, holder, term: 1, beat: 0 })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .returning('term')
    .executeTakeFirst()
  return row?.term
}

async function takeOver(db: Database, seen: LeaseRow, holder: string): Promise<number | undefined> {
  const row = await db.write
    .updateTable('leases')
    .set((current) => ({ holder, term: current('term', '+', 1), beat: current('beat', '+', 1) }))
    .where('name', '=', seen.name)
    .where('term', '=', seen.term)
    .where('beat', '=', seen.beat)
    .returning('term')
    .executeTakeFirst()
  return row?.term
}

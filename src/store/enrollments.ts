import type { Enrollment, EnrollmentState, Inventory } from '../domain/enrollment.ts'
import { enrollmentStates, inventoryParts } from '../domain/enrollment.ts'
import { normaliseSerial } from '../lib/device-id.ts'
import { appendChange } from './changes.ts'
import { type Database, type WriteTransaction, write } from './database.ts'
import { beginEnrollment, repin } from './enrollment-begin.ts'
import { endEnrollment } from './enrollment-end.ts'
import { inventoryBody } from './enrollment-inventory.ts'
import { deviceOfKey } from './enrollment-keys.ts'
import type {
  EnrollmentQuery,
  EnrollmentSecrets,
  Enrollments,
  InventoryReport,
  PushTarget,
} from './enrollment-ports.ts'
import { type OpenSeal, toEnrollment } from './enrollment-rows.ts'
import { takeToken } from './enrollment-token.ts'
import { fromJson } from './rows.ts'

const longestPage = 1000
/** Milliseconds. */
const seenEvery = 60_000

export function createEnrollments(db: Database, openSeal: OpenSeal): Enrollments {
  return {
    get: (id) => get(db, id),
    list: (query) => list(db, query),
    withSerial: (serial) => withSerial(db, serial),
    begin: (start) => write(db, (tx) => beginEnrollment(tx, start)),
    takeToken: async (update) => {
      const seal = await openSeal()
      return write(db, (tx) => takeToken(tx, update, seal))
    },
    repin: (id, identity, at) => write(db, (tx) => repin(tx, id, { identity, at })),
    async ownerOf(certificate) {
      const row = await db.read
        .selectFrom('enrollment_identities')
        .select('enrollment')
        .where('certificate', '=', certificate)
        .executeTakeFirst()
      return row?.enrollment
    },
    async certificatesOf(id) {
      const rows = await db.read
        .selectFrom('enrollment_identities')
        .select('certificate')
        .where('enrollment', '=', id)
        .orderBy('pinned_at')
        .execute()
      return rows.map((row) => row.certificate)
    },
    deviceOfKey: (publicKey) => deviceOfKey(db, publicKey),
    seen: (id, at) => seen(db, id, at),
    secrets: async (id) => secrets(db, id, openSeal),
    async setBootstrapToken(id, token) {
      const seal = await openSeal()
      await write(db, async (tx) => {
        const bootstrap_token = token === undefined ? null : seal.close(token, `bootstrap ${id}`)
        await tx.updateTable('enrollments').set({ bootstrap_token }).where('id', '=', id).execute()
      })
    },
    inventory: (id) => inventory(db, id),
    putInventory: (id, report) => write(db, (tx) => putInventory(tx, id, report)),
    end: (id, end, by) => write(db, (tx) => endEnrollment(tx, { id, end, by })),
    pushTarget: async (id) => pushTarget(db, id, openSeal),
    retireToken: async (id, token, at) => retireToken(db, { id, token, at }, openSeal),
    counts: () => counts(db),
  }
}

async function get(db: Database, id: string): Promise<Enrollment | undefined> {
  const row = await db.read.selectFrom('enrollments').selectAll().where('id', '=', id).executeTakeFirst()
  return row && toEnrollment(row)
}

async function list(db: Database, query: EnrollmentQuery): Promise<readonly Enrollment[]> {
  const { state, user, after, limit } = query
  let rows = db.read.selectFrom('enrollments').selectAll()
  if (state !== undefined) rows = rows.where('state', '=', state)
  if (user !== undefined) rows = rows.where('user_name', '=', user)
  if (after !== undefined) rows = rows.where('id', '>', after)
  const found = await rows.orderBy('id').limit(Math.min(limit, longestPage)).execute()
  return found.map(toEnrollment)
}

async function withSerial(db: Database, serial: string): Promise<readonly Enrollment[]> {
  const normalised = normaliseSerial(serial)
  if (normalised === undefined) return []
  const rows = await db.read
    .selectFrom('enrollments')
    .selectAll()
    .where('serial', '=', normalised)
    .orderBy('id')
    .limit(longestPage)
    .execute()
  return rows.map(toEnrollment)
}

async function seen(db: Database, id: string, at: number): Promise<void> {
  const row = await db.read
    .selectFrom('enrollments')
    .select('last_seen_at')
    .where('id', '=', id)
    .executeTakeFirst()
  if (row === undefined || row.last_seen_at > at - seenEvery) return
  await write(db, async (tx) => {
    await tx.updateTable('enrollments').set({ last_seen_at: at }).where('id', '=', id).execute()
  })
}

async function secrets(db: Database, id: string, openSeal: OpenSeal): Promise<EnrollmentSecrets> {
  const row = await db.read
    .selectFrom('enrollments')
    .select(['unlock_token', 'bootstrap_token'])
    .where('id', '=', id)
    .executeTakeFirst()
  if (row === undefined || (row.unlock_token === null && row.bootstrap_token === null)) return {}
  const seal = await openSeal()
  return {
    ...(row.unlock_token !== null && { unlockToken: seal.open(row.unlock_token, `unlock ${id}`) }),
    ...(row.bootstrap_token !== null && {
      bootstrapToken: seal.open(row.bootstrap_token, `bootstrap ${id}`),
    }),
  }
}

async function inventory(db: Database, id: string): Promise<Inventory> {
  const rows = await db.read
    .selectFrom('enrollment_inventory')
    .selectAll()
    .where('enrollment', '=', id)
    .execute()
  const entries = rows.flatMap(({ part, at, body }) => {
    const known = inventoryParts.find((one) => one === part)
    return known === undefined
      ? []
      : [[known, { at, values: fromJson(inventoryBody, body, `inventory of ${id}`) }]]
  })
  return Object.fromEntries(entries)
}

async function putInventory(tx: WriteTransaction, id: string, report: InventoryReport): Promise<void> {
  const row = await tx.selectFrom('enrollments').selectAll().where('id', '=', id).executeTakeFirst()
  if (row === undefined) return
  const { part, values, at, learnt } = report
  const stored = { at, body: JSON.stringify(values) }
  await tx
    .insertInto('enrollment_inventory')
    .values({ enrollment: id, part, ...stored })
    .onConflict((conflict) => conflict.columns(['enrollment', 'part']).doUpdateSet(stored))
    .execute()
  if (learnt !== undefined) {
    const known = toEnrollment(row)
    const ids = { ...known.ids, ...learnt.ids }
    const device = { ...known.device, ...learnt.device }
    await tx
      .updateTable('enrollments')
      .set({ ids: JSON.stringify(ids), serial: ids.serial ?? null, device: JSON.stringify(device) })
      .where('id', '=', id)
      .execute()
  }
  await appendChange(tx, 'enrollment', id)
}

async function pushTarget(db: Database, id: string, openSeal: OpenSeal): Promise<PushTarget | undefined> {
  const row = await db.read
    .selectFrom('enrollments')
    .select(['state', 'token', 'magic', 'topic', 'token_at'])
    .where('id', '=', id)
    .executeTakeFirst()
  if (row === undefined || (row.state !== 'enrolled' && row.state !== 'leaving')) return undefined
  const { token, magic, topic, token_at: updatedAt } = row
  if (token === null || magic === null || topic === null || updatedAt === null) return undefined
  const seal = await openSeal()
  return {
    enrollment: id,
    token: seal.open(token, `token ${id}`).toString('hex'),
    magic: seal.open(magic, `magic ${id}`).toString(),
    topic,
    updatedAt,
  }
}

async function retireToken(
  db: Database,
  { id, token, at }: { readonly id: string; readonly token: string; readonly at: number },
  openSeal: OpenSeal,
): Promise<void> {
  const seal = await openSeal()
  await write(db, async (tx) => {
    const row = await tx
      .selectFrom('enrollments')
      .select(['token', 'token_at'])
      .where('id', '=', id)
      .executeTakeFirst()
    if (row === undefined || row.token === null || row.token_at === null || row.token_at > at) return
    if (seal.open(row.token, `token ${id}`).toString('hex') !== token) return
    await tx
      .updateTable('enrollments')
      .set({ token: null, magic: null, token_at: null })
      .where('id', '=', id)
      .execute()
    await appendChange(tx, 'enrollment', id)
  })
}

async function counts(db: Database): Promise<Readonly<Record<EnrollmentState, number>>> {
  const rows = await db.read
    .selectFrom('enrollments')
    .select((row) => ['state', row.fn.countAll<number>().as('count')])
    .groupBy('state')
    .execute()
  const byState = new Map(rows.map(({ state, count }) => [state, Number(count)]))
  const [pending, enrolled, leaving, gone] = enrollmentStates.map((state) => byState.get(state) ?? 0)
  return { pending: pending ?? 0, enrolled: enrolled ?? 0, leaving: leaving ?? 0, gone: gone ?? 0 }
}

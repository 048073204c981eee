import type { DeviceAttributes } from '../domain/enrolling-user.ts'
import { type Database, type WriteTransaction, write } from './database.ts'
import { personOf, rememberPerson } from './enrolled-people.ts'
import type {
  EnrollmentPass,
  EnrollmentPasses,
  NewEnrollmentPass,
  PassKind,
} from './enrollment-sign-in-ports.ts'
import { RecordUnavailable } from './errors.ts'
import type { EnrollmentPassRow } from './schema.ts'

/** For so long after its end a pass is told from one that never was. */
const rememberedFor = 24 * 60 * 60 * 1000

export function createEnrollmentPasses(db: Database): EnrollmentPasses {
  return {
    add: (pass) => write(db, (tx) => add(tx, pass)),
    claim: (hash, claim) => write(db, (tx) => claimPass(tx, hash, claim)),
    get: (id) => first(db, 'id', id),
    ofChallenge: (hash) => first(db, 'scep_challenge', hash),
    finish: (id, identity, at) => write(db, (tx) => finish(tx, { id, identity, at })),
  }
}

async function first(
  db: Database,
  column: 'id' | 'scep_challenge',
  value: string,
): Promise<EnrollmentPass | undefined> {
  const row = await db.read
    .selectFrom('enrollment_passes')
    .selectAll()
    .where(column, '=', value)
    .executeTakeFirst()
  return row && toPass(db.read, row)
}

async function add(tx: WriteTransaction, pass: NewEnrollmentPass): Promise<void> {
  await rememberPerson(tx, pass.user, pass.createdAt)
  await tx
    .deleteFrom('enrollment_passes')
    .where('expires_at', '<', pass.createdAt - rememberedFor)
    .execute()
  await tx
    .insertInto('enrollment_passes')
    .values({
      id: pass.id,
      kind: pass.kind,
      hash: pass.hash,
      user_name: pass.user.name,
      user_groups: JSON.stringify(pass.user.groups),
      source: pass.source,
      created_at: pass.createdAt,
      expires_at: pass.expiresAt,
      claimed_at: null,
      claimed_by: null,
      attributes: null,
      scep_challenge: pass.scepChallenge ?? null,
      finished_at: null,
      finished_by: null,
    })
    .execute()
}

type Claim = Parameters<EnrollmentPasses['claim']>[1]

async function claimPass(
  tx: WriteTransaction,
  hash: string,
  { kind, holder, attributes, at }: Claim,
): ReturnType<EnrollmentPasses['claim']> {
  const row = await tx
    .selectFrom('enrollment_passes')
    .selectAll()
    .where('hash', '=', hash)
    .where('kind', '=', kind)
    .executeTakeFirst()
  if (row === undefined) return 'unknown'
  if (row.claimed_at !== null && (holder === undefined || row.claimed_by !== holder)) return 'taken'
  if (row.expires_at <= at) return 'expired'
  if (row.claimed_at !== null) return toPass(tx, row)
  const changed = await tx
    .updateTable('enrollment_passes')
    .set({
      claimed_at: at,
      claimed_by: holder ?? null,
      attributes: attributes === undefined ? null : JSON.stringify(attributes),
    })
    .where('id', '=', row.id)
    .returningAll()
    .executeTakeFirstOrThrow()
  return toPass(tx, changed)
}

async function finish(
  tx: WriteTransaction,
  { id, identity, at }: { readonly id: string; readonly identity: string; readonly at: number },
): ReturnType<EnrollmentPasses['finish']> {
  const row = await tx.selectFrom('enrollment_passes').selectAll().where('id', '=', id).executeTakeFirst()
  if (row === undefined || row.claimed_at === null) return 'unknown'
  if (row.finished_by !== null && row.finished_by !== identity) return 'taken'
  if (row.expires_at <= at) return 'expired'
  if (row.finished_by !== null) return toPass(tx, row)
  const changed = await tx
    .updateTable('enrollment_passes')
    .set({ finished_at: at, finished_by: identity })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow()
  return toPass(tx, changed)
}

type Reading = Parameters<typeof personOf>[0]

const kinds: readonly PassKind[] = ['session', 'ota', 'bearer', 'handover']

async function toPass(db: Reading, row: EnrollmentPassRow): Promise<EnrollmentPass> {
  const kind = kinds.find((one) => one === row.kind)
  if (kind === undefined)
    throw new RecordUnavailable('corrupt', `The record’s row of pass ${row.id} is not valid`)
  const { email, fullName } = (await personOf(db, row.user_name)) ?? {}
  return {
    id: row.id,
    kind,
    // Written by `add` and `claimPass` alone.
    user: {
      name: row.user_name,
      groups: JSON.parse(row.user_groups) as string[],
      ...(email !== undefined && { email }),
      ...(fullName !== undefined && { fullName }),
    },
    source: row.source,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    ...(row.scep_challenge !== null && { scepChallenge: row.scep_challenge }),
    ...(row.claimed_at !== null && { claimedAt: row.claimed_at }),
    ...(row.claimed_by !== null && { claimedBy: row.claimed_by }),
    ...(row.attributes !== null && { attributes: JSON.parse(row.attributes) as DeviceAttributes }),
    ...(row.finished_at !== null && { finishedAt: row.finished_at }),
    ...(row.finished_by !== null && { finishedBy: row.finished_by }),
  }
}

import { isActive, type MdmToken } from '../domain/mdm-token.ts'
import type { Registration } from '../domain/registration.ts'
import { appendAudit } from './audit-log.ts'
import { appendChange } from './changes.ts'
import { type Database, type WriteTransaction, write } from './database.ts'
import { RecordUnavailable } from './errors.ts'
import {
  type Actor,
  type MdmTokens,
  type MdmTokenUse,
  mostMdmTokens,
  type NewMdmToken,
  type StoredMdmToken,
} from './ports.ts'
import { touch } from './registration-writes.ts'
import type { MdmTokenRow } from './schema.ts'

/** The MDM tokens, by the keyed hash alone: what is in this table cannot be shown to a gateway. */
export function createMdmTokens(db: Database): MdmTokens {
  return {
    list: () => list(db),
    create: (token, by) => create(db, token, by),
    revoke: (id, by) => revoke(db, id, by),
    remember: (registrationId, tokenId) => remember(db, registrationId, tokenId),
    used: (uses) => used(db, uses),
  }
}

async function list(db: Database): Promise<readonly StoredMdmToken[]> {
  const rows = await db.read
    .selectFrom('mdm_tokens')
    .selectAll()
    .select((row) =>
      row
        .selectFrom('registrations')
        .select((count) => count.fn.countAll<number>().as('count'))
        .whereRef('registrations.mdm_token', '=', 'mdm_tokens.id')
        .as('registrations'),
    )
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .execute()
  return rows.map((row) => ({
    ...toToken(row),
    hash: row.hash,
    registrations: Number(row.registrations ?? 0),
  }))
}

function create(
  db: Database,
  token: NewMdmToken,
  by: Omit<Actor, 'why'> & { readonly why?: string },
): Promise<'created' | 'taken' | 'full'> {
  const { id, hash, label, origin, expiresAt } = token
  return write(db, async (tx) => {
    if (await tx.selectFrom('mdm_tokens').select('id').where('hash', '=', hash).executeTakeFirst())
      return 'taken'
    if ((await countOf(tx)) >= mostMdmTokens) return 'full'
    await tx
      .insertInto('mdm_tokens')
      .values({
        id,
        hash,
        label: label ?? null,
        origin,
        created_at: by.at,
        created_by: by.name,
        expires_at: expiresAt ?? null,
        revoked_at: null,
        revoked_by: null,
        revoked_why: null,
        uses: 0,
        last_used_at: null,
      })
      .execute()
    await appendChange(tx, 'mdm-token', id)
    await appendAudit(tx, {
      at: by.at,
      action: 'token.created',
      actor: by.name,
      subject: id,
      ...(by.why !== undefined && { why: by.why }),
      details: {
        origin,
        ...(label !== undefined && { label }),
        ...(expiresAt !== undefined && { expiresAt }),
      },
    })
    return 'created'
  })
}

async function countOf(tx: WriteTransaction): Promise<number> {
  const { count } = await tx
    .selectFrom('mdm_tokens')
    .select((row) => row.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  return Number(count)
}

function revoke(db: Database, id: string, by: Actor): Promise<MdmToken | undefined> {
  return write(db, async (tx) => {
    const row = await find(tx, id)
    if (row === undefined) return undefined
    if (row.revoked_at !== null) return toToken(row)
    const changed = await tx
      .updateTable('mdm_tokens')
      .set({ revoked_at: by.at, revoked_by: by.name, revoked_why: by.why })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirstOrThrow()
    await appendChange(tx, 'mdm-token', id)
    const { label } = row
    await appendAudit(tx, {
      at: by.at,
      action: 'token.revoked',
      actor: by.name,
      subject: id,
      why: by.why,
      details: { origin: row.origin, ...(label !== null && { label }) },
    })
    return toToken(changed)
  })
}

/** Most sign-ins show the token that is remembered already: those cost no write. */
async function remember(db: Database, registrationId: string, tokenId: string): Promise<void> {
  const rests = await db.read
    .selectFrom('registrations')
    .select('mdm_token')
    .where('id', '=', registrationId)
    .executeTakeFirst()
  if (rests === undefined || rests.mdm_token === tokenId) return
  await write(db, async (tx) => {
    const registration = await tx
      .selectFrom('registrations')
      .select('mdm_token')
      .where('id', '=', registrationId)
      .executeTakeFirst()
    const token = await find(tx, tokenId)
    if (registration === undefined || registration.mdm_token === tokenId || token === undefined) return
    await touch(tx, registrationId, { mdm_token: tokenId })
  })
}

/** The company app has shown another token: whatever was bound to its device by the old one rests on the new one. */
export async function rememberForApp(
  tx: WriteTransaction,
  appDeviceId: string,
  tokenId: string,
): Promise<void> {
  const resting = await tx
    .selectFrom('registrations')
    .select('id')
    .where('app_device', '=', appDeviceId)
    .where('mdm_token', '!=', tokenId)
    .execute()
  for (const { id } of resting) await touch(tx, id, { mdm_token: tokenId })
}

async function used(db: Database, uses: readonly MdmTokenUse[]): Promise<void> {
  if (uses.length === 0) return
  await write(db, async (tx) => {
    for (const { id, uses: more, lastUsedAt } of uses) {
      const row = await find(tx, id)
      if (row === undefined) continue
      await tx
        .updateTable('mdm_tokens')
        .set({ uses: row.uses + more, last_used_at: Math.max(row.last_used_at ?? 0, lastUsedAt) })
        .where('id', '=', id)
        .execute()
    }
  })
}

/** Asked within the registration's own transaction: a token that was revoked in the meantime registers nobody. */
export async function restsOnActiveToken(
  tx: WriteTransaction,
  { mdmTokenId }: Registration,
  now: number,
): Promise<boolean> {
  if (mdmTokenId === undefined) return true
  const row = await find(tx, mdmTokenId)
  return row !== undefined && isActive(toToken(row), now)
}

function find(tx: WriteTransaction, id: string): Promise<MdmTokenRow | undefined> {
  return tx.selectFrom('mdm_tokens').selectAll().where('id', '=', id).executeTakeFirst()
}

function toToken(row: MdmTokenRow): MdmToken {
  const { origin, revoked_at: at, revoked_by: by, revoked_why: why } = row
  if (origin !== 'generated' && origin !== 'typed') throw corrupt(row.id)
  if (at !== null && (by === null || why === null)) throw corrupt(row.id)
  return {
    id: row.id,
    origin,
    createdAt: row.created_at,
    createdBy: row.created_by,
    uses: row.uses,
    ...(row.label !== null && { label: row.label }),
    ...(row.expires_at !== null && { expiresAt: row.expires_at }),
    ...(at !== null && { revoked: { at, by: by ?? '', why: why ?? '' } }),
    ...(row.last_used_at !== null && { lastUsedAt: row.last_used_at }),
  }
}

function corrupt(id: string): RecordUnavailable {
  return new RecordUnavailable('corrupt', `The record’s row of token ${id} is not valid`)
}

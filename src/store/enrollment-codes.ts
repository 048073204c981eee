import { appendAudit } from './audit-log.ts'
import { type Database, write } from './database.ts'
import {
  type EnrollmentCode,
  type EnrollmentCodes,
  mostEnrollmentCodes,
  type NewEnrollmentCode,
} from './enrollment-sign-in-ports.ts'
import type { Actor } from './ports.ts'
import type { EnrollmentCodeRow } from './schema.ts'

/** For so long after its end a code is listed. */
const rememberedFor = 30 * 24 * 60 * 60 * 1000

export function createEnrollmentCodes(db: Database): EnrollmentCodes {
  return {
    create: (code, by) => create(db, code, by),
    async list() {
      const rows = await db.read
        .selectFrom('enrollment_codes')
        .selectAll()
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .execute()
      return rows.map(toCode)
    },
    redeem: (hash, at) => redeem(db, hash, at),
    revoke: (id, by) => revoke(db, id, by),
  }
}

function create(
  db: Database,
  { id, hash, user, expiresAt }: NewEnrollmentCode,
  by: Actor,
): Promise<'created' | 'full'> {
  return write(db, async (tx) => {
    await tx
      .deleteFrom('enrollment_codes')
      .where('expires_at', '<', by.at - rememberedFor)
      .execute()
    const { count } = await tx
      .selectFrom('enrollment_codes')
      .select((row) => row.fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow()
    if (Number(count) >= mostEnrollmentCodes) return 'full'
    await tx
      .insertInto('enrollment_codes')
      .values({
        id,
        hash,
        user_name: user.name,
        user_groups: JSON.stringify(user.groups),
        created_at: by.at,
        created_by: by.name,
        expires_at: expiresAt,
        used_at: null,
        revoked_at: null,
      })
      .execute()
    await appendAudit(tx, {
      at: by.at,
      action: 'enrollment.code-created',
      actor: by.name,
      subject: id,
      why: by.why,
      details: { user: user.name, expiresAt },
    })
    return 'created'
  })
}

/** Of two who type the same code at once, one signs in. */
function redeem(db: Database, hash: string, at: number): Promise<EnrollmentCode | undefined> {
  return write(db, async (tx) => {
    const row = await tx
      .updateTable('enrollment_codes')
      .set({ used_at: at })
      .where('hash', '=', hash)
      .where('used_at', 'is', null)
      .where('revoked_at', 'is', null)
      .where('expires_at', '>', at)
      .returningAll()
      .executeTakeFirst()
    return row && toCode(row)
  })
}

function revoke(db: Database, id: string, by: Actor): Promise<EnrollmentCode | undefined> {
  return write(db, async (tx) => {
    const row = await tx.selectFrom('enrollment_codes').selectAll().where('id', '=', id).executeTakeFirst()
    if (row === undefined || row.revoked_at !== null || row.used_at !== null) return row && toCode(row)
    const changed = await tx
      .updateTable('enrollment_codes')
      .set({ revoked_at: by.at })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirstOrThrow()
    await appendAudit(tx, {
      at: by.at,
      action: 'enrollment.code-revoked',
      actor: by.name,
      subject: id,
      why: by.why,
      details: { user: row.user_name },
    })
    return toCode(changed)
  })
}

function toCode(row: EnrollmentCodeRow): EnrollmentCode {
  return {
    id: row.id,
    // Written by `create` alone.
    user: { name: row.user_name, groups: JSON.parse(row.user_groups) as string[] },
    createdAt: row.created_at,
    createdBy: row.created_by,
    expiresAt: row.expires_at,
    ...(row.used_at !== null && { usedAt: row.used_at }),
    ...(row.revoked_at !== null && { revokedAt: row.revoked_at }),
  }
}

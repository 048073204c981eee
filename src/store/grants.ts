import { type Database, write } from './database.ts'
import type { Grants } from './ports.ts'

/** A secret whose end nobody told ends after a day: whoever holds it is registered by then, or signs in again. */
const defaultLifetime = 24 * 60 * 60 * 1000

export function createGrants(db: Database): Grants {
  return {
    async add(keys, service, user) {
      if (keys.length === 0) return
      const now = db.now()
      const rows = keys.map((key) => ({
        hash: key.hash,
        service,
        user_name: user,
        expires_at: key.expiresAt ?? now + defaultLifetime,
      }))
      await write(db, async (tx) => {
        await tx.deleteFrom('grants').where('expires_at', '<=', now).execute()
        await tx
          .insertInto('grants')
          .values(rows)
          .onConflict((conflict) =>
            conflict.column('hash').doUpdateSet((row) => ({
              service: row.ref('excluded.service'),
              user_name: row.ref('excluded.user_name'),
              expires_at: row.ref('excluded.expires_at'),
            })),
          )
          .execute()
      })
    },
    async userOf(hash, now) {
      const row = await db.read
        .selectFrom('grants')
        .select('user_name')
        .where('hash', '=', hash)
        .where('expires_at', '>', now)
        .executeTakeFirst()
      return row?.user_name
    },
  }
}

import type { ScepChallenge } from '../domain/issued-certificate.ts'
import type { ScepChallenges } from './certificate-ports.ts'
import { type Database, write } from './database.ts'

/** Expired ones go when a new one comes: nobody else has a reason to look. */
const keptAfterEnd = 24 * 60 * 60 * 1000

/** One-time passwords of SCEP, by their hashes. `Certificates.issue` uses them up. */
export function createScepChallenges(db: Database): ScepChallenges {
  return {
    async add(challenge) {
      const { hash, enrollment, user, createdAt, expiresAt, accessRights } = challenge
      await write(db, async (tx) => {
        await tx
          .deleteFrom('scep_challenges')
          .where('expires_at', '<', createdAt - keptAfterEnd)
          .execute()
        await tx
          .insertInto('scep_challenges')
          .values({
            hash,
            enrollment,
            user_name: user ?? null,
            created_at: createdAt,
            expires_at: expiresAt,
            used_by: null,
            access_rights: accessRights ?? null,
            renews: challenge.renews ?? null,
            profile: challenge.profile ?? null,
            managed_apple_id: challenge.managedAppleId ?? null,
          })
          // A device that asks twice at once is promised the same.
          .onConflict((conflict) => conflict.column('hash').doNothing())
          .execute()
      })
    },
    find: (hash) => find(db, hash),
  }
}

async function find(db: Database, hash: string): Promise<ScepChallenge | undefined> {
  const row = await db.read
    .selectFrom('scep_challenges')
    .selectAll()
    .where('hash', '=', hash)
    .executeTakeFirst()
  return (
    row && {
      hash: row.hash,
      enrollment: row.enrollment,
      createdAt: row.created_at,
      expiresAt: row.expires_at,
      ...(row.user_name !== null && { user: row.user_name }),
      ...(row.used_by !== null && { usedBy: row.used_by }),
      ...(row.access_rights !== null && { accessRights: row.access_rights }),
      ...(row.renews !== null && { renews: row.renews }),
      ...(row.profile !== null && { profile: row.profile }),
      ...(row.managed_apple_id !== null && { managedAppleId: row.managed_apple_id }),
    }
  )
}

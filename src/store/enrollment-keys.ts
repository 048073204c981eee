import type { Database } from './database.ts'

/**
 * The device that is enrolled with this key: its identity's, or one that came with a managed profile, its own or that of a channel of
 * its people. An identity that has not spoken at check-in yet is nobody's: its name is what its device says of itself.
 */
export async function deviceOfKey(db: Database, publicKey: string): Promise<string | undefined> {
  for (const enrollment of [...(await issued(db, publicKey)), ...(await proxied(db, publicKey))]) {
    const row = await db.read
      .selectFrom('enrollments')
      .select(['id', 'parent'])
      .where('id', '=', enrollment)
      .where('state', '=', 'enrolled')
      .executeTakeFirst()
    if (row !== undefined) return row.parent ?? row.id
  }
  return undefined
}

/** By certificates of our own CA. */
async function issued(db: Database, publicKey: string): Promise<readonly string[]> {
  const rows = await db.read
    .selectFrom('certificates')
    .leftJoin('enrollment_identities', 'enrollment_identities.certificate', 'certificates.fingerprint')
    .select(['certificates.enrollment', 'profile', 'enrollment_identities.enrollment as speaksFor'])
    .where('certificates.public_key', '=', publicKey)
    .where('revoked_at', 'is', null)
    .orderBy('issued_at', 'desc')
    .limit(10)
    .execute()
  return rows.flatMap(
    ({ speaksFor, profile, enrollment }) => speaksFor ?? (profile === null ? [] : enrollment),
  )
}

/** By certificates of a SCEP server behind us. */
async function proxied(db: Database, publicKey: string): Promise<readonly string[]> {
  const rows = await db.read
    .selectFrom('proxied_keys')
    .leftJoin('enrollment_identities', (join) =>
      join
        .onRef('enrollment_identities.enrollment', '=', 'proxied_keys.enrollment')
        .onRef('enrollment_identities.public_key', '=', 'proxied_keys.public_key'),
    )
    .select(['proxied_keys.enrollment', 'profile', 'enrollment_identities.enrollment as speaksFor'])
    .where('proxied_keys.public_key', '=', publicKey)
    .where('ended_at', 'is', null)
    .execute()
  return rows.flatMap(
    ({ speaksFor, profile, enrollment }) => speaksFor ?? (profile === null ? [] : enrollment),
  )
}

import { type IssuedCertificate, proxiedSerial } from '../domain/issued-certificate.ts'
import { appendAudit } from './audit-log.ts'
import type { KeyBinding, ProxiedKeys } from './certificate-ports.ts'
import { toRow } from './certificate-rows.ts'
import { carryRegistrations, withOrigin } from './certificate-succession.ts'
import { type Database, type WriteTransaction, write } from './database.ts'
import type { Actor } from './ports.ts'

/** Which key asked a SCEP server behind, with which challenge of ours. */
export function createProxiedKeys(db: Database): ProxiedKeys {
  return {
    bind: (key) => write(db, (tx) => bind(tx, key)),
    learn: (certificate, by) => learn(db, certificate, by),
    async find(publicKey) {
      const row = await db.read
        .selectFrom('proxied_keys')
        .selectAll()
        .where('public_key', '=', publicKey)
        .executeTakeFirst()
      return (
        row && {
          publicKey,
          enrollment: row.enrollment,
          ...(row.user_name !== null && { user: row.user_name }),
          challenge: row.challenge,
          ...(row.ended_at !== null && { endedAt: row.ended_at }),
        }
      )
    },
  }
}

function learn(db: Database, shown: IssuedCertificate, by: Omit<Actor, 'why'>): Promise<void> {
  return write(db, async (tx) => {
    const certificate = await withOrigin(tx, shown)
    const { numInsertedOrUpdatedRows } = await tx
      .insertInto('certificates')
      .values(toRow(certificate))
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirstOrThrow()
    if (numInsertedOrUpdatedRows === 0n) return
    const { enrollment, purpose, notAfter, user } = certificate
    await appendAudit(tx, {
      at: by.at,
      action: 'certificate.issued',
      actor: by.name,
      subject: certificate.serial,
      details: { enrollment, purpose, notAfter, proxied: true, ...(user !== undefined && { user }) },
    })
  })
}

/** As serials, for the gateways. */
export async function endedKeys(db: Database): Promise<readonly string[]> {
  const rows = await db.read
    .selectFrom('proxied_keys')
    .select('public_key')
    .where('ended_at', 'is not', null)
    .execute()
  return rows.map((row) => proxiedSerial(row.public_key))
}

/** In one transaction: of two keys that use one challenge at the same moment, one is bound. */
async function bind(
  tx: WriteTransaction,
  { publicKey, challenge, at }: Parameters<ProxiedKeys['bind']>[0],
): Promise<KeyBinding> {
  const known = await tx
    .selectFrom('proxied_keys')
    .selectAll()
    .where('public_key', '=', publicKey)
    .executeTakeFirst()
  if (known !== undefined) {
    if (known.challenge !== challenge) return 'key-taken'
    return known.ended_at === null ? 'bound' : 'ended'
  }
  const row = await tx
    .selectFrom('scep_challenges')
    .selectAll()
    .where('hash', '=', challenge)
    .executeTakeFirst()
  if (row === undefined) return 'challenge-unknown'
  if (row.used_by !== null) return 'challenge-used'
  if (row.expires_at <= at) return 'challenge-unknown'
  // A key that our own CA has issued for cannot be another's here.
  const issued = await tx
    .selectFrom('certificates')
    .select('serial')
    .where('public_key', '=', publicKey)
    .executeTakeFirst()
  if (issued !== undefined) return 'key-taken'
  await tx.updateTable('scep_challenges').set({ used_by: publicKey }).where('hash', '=', challenge).execute()
  await tx
    .insertInto('proxied_keys')
    .values({
      public_key: publicKey,
      enrollment: row.enrollment,
      user_name: row.user_name,
      challenge,
      bound_at: at,
      ended_at: null,
      profile: row.profile,
      renews: row.renews,
    })
    .execute()
  const { enrollment, renews, profile } = row
  const origin = { ...(renews !== null && { predecessor: renews }), ...(profile !== null && { profile }) }
  await carryRegistrations(tx, { enrollment, publicKey, at, ...origin })
  return 'bound'
}

import { appendAudit } from './audit-log.ts'
import { toCertificate } from './certificate-rows.ts'
import { type Database, write } from './database.ts'
import type { EndingIdentity, Renewal, Renewals } from './renewal-ports.ts'
import type { RenewalRow } from './schema.ts'

const longestPage = 1000

export function createRenewals(db: Database): Renewals {
  return {
    ending: (query) => ending(db, query),
    async get(enrollment) {
      const row = await db.read
        .selectFrom('renewals')
        .selectAll()
        .where('enrollment', '=', enrollment)
        .executeTakeFirst()
      return row && toRenewal(row)
    },
    async list({ after = '', limit }) {
      const rows = await db.read
        .selectFrom('renewals')
        .selectAll()
        .where('enrollment', '>', after)
        .orderBy('enrollment')
        .limit(Math.min(limit, longestPage))
        .execute()
      return rows.map(toRenewal)
    },
    async put(renewal) {
      const { enrollment, ...rest } = toRow(renewal)
      await write(db, async (tx) => {
        await tx
          .insertInto('renewals')
          .values({ enrollment, ...rest })
          .onConflict((conflict) => conflict.column('enrollment').doUpdateSet(rest))
          .execute()
        // Once for each identity: what follows is in the log.
        if (renewal.state === 'failed' && renewal.attempts === 1)
          await appendAudit(tx, {
            at: renewal.at,
            action: 'enrollment.renewal-failed',
            actor: 'enrollment',
            subject: enrollment,
            why: renewal.error ?? 'no reason was given',
            details: { serial: renewal.serial },
          })
      })
    },
    async forget(enrollment) {
      await write(db, async (tx) => {
        await tx.deleteFrom('renewals').where('enrollment', '=', enrollment).execute()
      })
    },
    async countFailed() {
      const { count } = await db.read
        .selectFrom('renewals')
        .select((row) => row.fn.countAll<number>().as('count'))
        .where('state', '=', 'failed')
        .executeTakeFirstOrThrow()
      return Number(count)
    },
  }
}

async function ending(
  db: Database,
  { before, after = '', limit }: { readonly before: number; readonly after?: string; readonly limit: number },
): Promise<readonly EndingIdentity[]> {
  const rows = await db.read
    .selectFrom('certificates')
    .innerJoin('enrollments', 'enrollments.certificate', 'certificates.fingerprint')
    .selectAll('certificates')
    .select('enrollments.id as pinned_for')
    .where('enrollments.state', '=', 'enrolled')
    .where('enrollments.parent', 'is', null)
    .where('certificates.revoked_at', 'is', null)
    .where('certificates.not_after', '<=', before)
    .where('enrollments.id', '>', after)
    .orderBy('enrollments.id')
    .limit(Math.min(limit, longestPage))
    .execute()
  return rows.map(({ pinned_for, ...row }) => ({ enrollment: pinned_for, identity: toCertificate(row) }))
}

function toRenewal({ due_at, command, error, state, ...same }: RenewalRow): Renewal {
  return {
    ...same,
    // Written by `put` alone, so that there are no other words.
    state: state as Renewal['state'],
    ...(command !== null && { command }),
    ...(error !== null && { error }),
    ...(due_at !== null && { dueAt: due_at }),
  }
}

function toRow({ enrollment, serial, state, attempts, at, command, error, dueAt }: Renewal): RenewalRow {
  return {
    ...{ enrollment, serial, state, attempts, at },
    command: command ?? null,
    error: error ?? null,
    due_at: dueAt ?? null,
  }
}

import type { Actor } from '../domain/actor.ts'
import type { CertificateAuthority } from '../domain/issued-certificate.ts'
import { appendAudit } from './audit-log.ts'
import type { Authorities } from './certificate-ports.ts'
import { appendChange } from './changes.ts'
import { type Database, write } from './database.ts'
import { RecordUnavailable } from './errors.ts'
import type { AuthorityRow } from './schema.ts'

/** Our certificate authorities: the one that issues, and those before it. */
export function createAuthorities(db: Database): Authorities {
  return {
    list: () => list(db),
    trusted: (now) => trusted(db, now),
    add: (authority, replaces, by) => add(db, authority, replaces, by),
    nextCrlNumber: (id) => nextCrlNumber(db, id),
  }
}

async function list(db: Database): Promise<readonly CertificateAuthority[]> {
  const rows = await db.read.selectFrom('authorities').selectAll().execute()
  return rows.map(toAuthority).sort(issuingFirst)
}

function issuingFirst(a: CertificateAuthority, b: CertificateAuthority): number {
  return (
    (b.retiredAt ?? Number.POSITIVE_INFINITY) - (a.retiredAt ?? Number.POSITIVE_INFINITY) ||
    b.createdAt - a.createdAt
  )
}

async function trusted(db: Database, now: number): Promise<readonly CertificateAuthority[]> {
  const [authorities, ends] = await Promise.all([
    list(db),
    db.read
      .selectFrom('certificates')
      .select((row) => ['authority', row.fn.max('not_after').as('end')])
      .where('purpose', '=', 'device')
      .groupBy('authority')
      .execute(),
  ])
  const endOf = new Map(ends.map(({ authority, end }) => [authority, Number(end)]))
  return authorities.filter(({ id, retiredAt }) => retiredAt === undefined || (endOf.get(id) ?? 0) >= now)
}

function add(
  db: Database,
  authority: CertificateAuthority,
  replaces: string | undefined,
  by: Actor,
): Promise<boolean> {
  return write(db, async (tx) => {
    const current = await tx
      .selectFrom('authorities')
      .select('id')
      .where('retired_at', 'is', null)
      .executeTakeFirst()
    if (current?.id !== replaces) return false
    if (replaces !== undefined)
      await tx.updateTable('authorities').set({ retired_at: by.at }).where('id', '=', replaces).execute()
    const { id, kind, certificate, chain, createdAt: created_at } = authority
    await tx
      .insertInto('authorities')
      .values({ id, kind, certificate, chain, created_at, retired_at: null, crl_number: 0 })
      .execute()
    await appendChange(tx, 'certificate', id)
    await appendAudit(tx, {
      at: by.at,
      action: 'authority.added',
      actor: by.name,
      subject: id,
      why: by.why,
      details: { kind, ...(replaces !== undefined && { replaces }) },
    })
    return true
  })
}

function nextCrlNumber(db: Database, id: string): Promise<number> {
  return write(db, async (tx) => {
    const row = await tx
      .updateTable('authorities')
      .set((current) => ({ crl_number: current('crl_number', '+', 1) }))
      .where('id', '=', id)
      .returning('crl_number')
      .executeTakeFirstOrThrow()
    return row.crl_number
  })
}

function toAuthority(row: AuthorityRow): CertificateAuthority {
  if (row.kind !== 'own' && row.kind !== 'external')
    throw new RecordUnavailable('corrupt', `The record’s row of authority ${row.id} is not valid`)
  return {
    id: row.id,
    kind: row.kind,
    certificate: row.certificate,
    chain: row.chain,
    createdAt: row.created_at,
    ...(row.retired_at !== null && { retiredAt: row.retired_at }),
  }
}

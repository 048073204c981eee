import type { EnrollingUser } from '../domain/enrolling-user.ts'
import { appendChange } from './changes.ts'
import type { Database, WriteTransaction } from './database.ts'
import type { EnrolledPeople, EnrolledPerson } from './profile-ports.ts'
import type { EnrollmentPersonRow } from './schema.ts'
import { slices } from './slices.ts'

export function createEnrolledPeople(db: Database): EnrolledPeople {
  return {
    async of(users) {
      const people = new Map<string, EnrolledPerson>()
      for (const names of slices(users.map((name) => name.toLowerCase()))) {
        const rows = await db.read
          .selectFrom('enrollment_people')
          .selectAll()
          .where('user_name', 'in', names)
          .execute()
        for (const row of rows) people.set(row.user_name, toPerson(row))
      }
      return people
    },
  }
}

/** What the user's newest sign-in told. */
export async function personOf(db: Reading, user: string): Promise<EnrolledPerson | undefined> {
  const row = await db
    .selectFrom('enrollment_people')
    .selectAll()
    .where('user_name', '=', user.toLowerCase())
    .executeTakeFirst()
  return row && toPerson(row)
}

type Reading = Pick<Database['read'], 'selectFrom'>

function toPerson(row: EnrollmentPersonRow): EnrolledPerson {
  return {
    // Written by `rememberPerson` alone.
    groups: JSON.parse(row.user_groups) as string[],
    ...(row.email !== null && { email: row.email }),
    ...(row.full_name !== null && { fullName: row.full_name }),
  }
}

/**
 * As of this sign-in: what it does not tell of any more does not stay. Other groups are other profiles, so that all devices of the
 * user are announced as changed.
 */
export async function rememberPerson(tx: WriteTransaction, user: EnrollingUser, at: number): Promise<void> {
  const name = user.name.toLowerCase()
  const told = {
    user_groups: JSON.stringify(user.groups),
    email: user.email ?? null,
    full_name: user.fullName ?? null,
  }
  const before = await tx
    .selectFrom('enrollment_people')
    .select(['user_groups', 'email', 'full_name'])
    .where('user_name', '=', name)
    .executeTakeFirst()
  await tx
    .insertInto('enrollment_people')
    .values({ user_name: name, ...told, at })
    .onConflict((conflict) => conflict.column('user_name').doUpdateSet({ ...told, at }))
    .execute()
  const same =
    before?.user_groups === told.user_groups &&
    before.email === told.email &&
    before.full_name === told.full_name
  if (!same) await announceDevices(tx, name)
}

/** More than anybody has; the next pass over all devices finds the rest. */
const mostDevices = 100

async function announceDevices(tx: WriteTransaction, user: string): Promise<void> {
  const rows = await tx
    .selectFrom('enrollments')
    .select('id')
    .where('user_name', '=', user)
    .where('state', '=', 'enrolled')
    .limit(mostDevices)
    .execute()
  for (const { id } of rows) await appendChange(tx, 'enrollment', id)
}

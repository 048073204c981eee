import type { Enrollment } from '../domain/enrollment.ts'
import type { Store } from '../store/ports.ts'
import { CommandFailed } from './errors.ts'

/** By its id, or by its serial number when one enrollment alone has it. @throws CommandFailed */
export async function findEnrollment(
  { enrollments }: Pick<Store, 'enrollments'>,
  id: string,
): Promise<Enrollment> {
  const found = await enrollments.get(id)
  if (found !== undefined) return found
  const same = await enrollments.withSerial(id)
  const present = same.filter(({ state }) => state !== 'gone')
  const [only, second] = present.length > 0 ? present : same
  if (only === undefined) throw new CommandFailed(`There is no enrollment ${id}: \`gatehouse enroll list\``)
  if (second !== undefined)
    throw new CommandFailed(
      `Several enrollments have the serial number ${id}: give the id, ${only.id} or ${second.id}`,
    )
  return only
}

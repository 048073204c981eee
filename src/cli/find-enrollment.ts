import type { Enrollment } from '../domain/enrollment.ts'
import type { Store } from '../store/ports.ts'
import { CommandFailed } from './errors.ts'

/** Written before an id that is another enrollment's serial number as well. */
const byId = 'id='

/**
 * By its id, or by its serial number when one enrollment alone has it. Devices choose their ids and serial numbers themselves: one
 * whose id is another's serial number must not be erased, or removed, in that one's place.
 * @throws CommandFailed
 */
export async function findEnrollment(
  { enrollments }: Pick<Store, 'enrollments'>,
  name: string,
): Promise<Enrollment> {
  const id = name.startsWith(byId) ? name.slice(byId.length) : name
  const found = await enrollments.get(id)
  const same = name === id ? await enrollments.withSerial(name) : []
  const others = same.filter((one) => one.id !== found?.id)
  const all = found === undefined ? others : [found, ...others]
  const present = all.filter(({ state }) => state !== 'gone')
  const [only, second] = present.length > 0 ? present : all
  if (only === undefined) throw new CommandFailed(`There is no enrollment ${name}: \`gatehouse enroll list\``)
  if (second === undefined) return only
  throw new CommandFailed(
    found !== undefined
      ? `${id} is the id of one enrollment and the serial number of another: give ${byId}${id}, or ${second.id}`
      : `Several enrollments have the serial number ${id}: give the id, ${only.id} or ${second.id}`,
  )
}

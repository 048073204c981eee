import type { ReportedList } from '../../store/profile-ports.ts'
import type { Reported } from './plan.ts'

/** Which of our profiles the device had when it was asked last. */
export function reportedProfiles(told: ReportedList | undefined, prefix: string): Reported | undefined {
  const list = told?.values.list
  if (told === undefined || !Array.isArray(list)) return undefined
  const found = new Map<string, string>()
  for (const one of list) {
    const { PayloadIdentifier: identifier, PayloadUUID: uuid } = one as Readonly<Record<string, unknown>> // strings are checked below
    if (typeof identifier === 'string' && identifier.startsWith(prefix) && typeof uuid === 'string')
      found.set(identifier, uuid.toUpperCase())
  }
  return { at: told.at, profiles: found }
}

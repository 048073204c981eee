import type { Inventory } from '../../domain/enrollment.ts'
import type { Reported } from './plan.ts'

/** Which of our profiles the device had when it was asked last. */
export function reportedProfiles({ profiles }: Inventory, prefix: string): Reported | undefined {
  const list = profiles?.values.list
  if (profiles === undefined || !Array.isArray(list)) return undefined
  const found = new Map<string, string>()
  for (const one of list) {
    const { PayloadIdentifier: identifier, PayloadUUID: uuid } = one as Readonly<Record<string, unknown>> // strings are checked below
    if (typeof identifier === 'string' && identifier.startsWith(prefix) && typeof uuid === 'string')
      found.set(identifier, uuid.toUpperCase())
  }
  return { at: profiles.at, profiles: found }
}

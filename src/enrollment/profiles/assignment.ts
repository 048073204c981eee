import type { Enrollment } from '../../domain/enrollment.ts'
import type { EnrolledPerson } from '../../store/profile-ports.ts'
import type { ProfileSystem } from './payloads/payload.ts'
import type { Assignment, Profile } from './profile.ts'
import type { VariableValues } from './variables.ts'

/** Whom a profile is assigned to, as one device shows it. */
export interface Subject {
  readonly enrollment: Enrollment
  /** Whoever signed in when it was enrolled; undefined: not known. */
  readonly person: EnrolledPerson | undefined
}

/** Is this profile to be on this device? */
export function isAssigned(profile: Profile, { enrollment, person }: Subject): boolean {
  const system = systemOf(enrollment)
  if (system === undefined || !profile.assign.systems.has(system)) return false
  return onThisChannel(profile, enrollment, system) && isFor(profile.assign, enrollment.user, person)
}

export function isFor(
  assign: Assignment,
  user: string | undefined,
  person: EnrolledPerson | undefined,
): boolean {
  const groups = (person?.groups ?? []).map((group) => group.toLowerCase())
  const inGroup = (set: ReadonlySet<string>) => groups.some((group) => set.has(group))
  const name = user?.toLowerCase()
  if (name !== undefined && assign.notUsers.has(name)) return false
  if (inGroup(assign.notGroups)) return false
  return assign.everyone || (name !== undefined && assign.users.has(name)) || inGroup(assign.groups)
}

function systemOf({ device: { platform } }: Enrollment): ProfileSystem | undefined {
  if (platform === 'ios' || platform === 'ipados') return 'ios'
  return platform === 'macos' ? 'macos' : undefined
}

/** Its system, if the device belongs to its user; undefined: it does not. */
export function userEnrollmentSystem(enrollment: Enrollment): ProfileSystem | undefined {
  return enrollment.kind.startsWith('user-enrollment') ? systemOf(enrollment) : undefined
}

/**
 * A Mac has a channel of its own and one for each managed person on it; accounts and web clips are taken by the second
 * alone, all else is sent to the first. iPhones and iPads have one channel; a Shared iPad's people are not set up here.
 */
function onThisChannel({ payloads }: Profile, { kind }: Enrollment, system: ProfileSystem): boolean {
  const personal = kind === 'user' || kind === 'user-enrollment-user'
  if (system === 'ios') return !personal
  return payloads.some(({ definition }) => definition.macosUserChannel) === personal
}

export function variablesOf({ enrollment, person }: Subject, organisation: string): VariableValues {
  const { user, device } = enrollment
  // Many names are mail addresses.
  const email = person?.email ?? (user?.includes('@') ? user : undefined)
  return {
    organisation,
    ...(user !== undefined && { user }),
    ...(email !== undefined && { email }),
    ...(person?.fullName !== undefined && { name: person.fullName }),
    ...(device.name !== undefined && { device: device.name }),
    ...(device.serial !== undefined && { serial: device.serial }),
    ...(device.udid !== undefined && { udid: device.udid }),
    ...(device.model !== undefined && { model: device.model }),
  }
}

import type { Profile } from '../enrollment/profiles/profile.ts'
import { readProfiles } from '../enrollment/profiles/read-profiles.ts'
import type { EnrollmentSettings } from '../settings/build-enrollment.ts'
import type { Settings } from '../settings/settings.ts'
import { CommandFailed, WrongSettings } from './errors.ts'

/** @throws CommandFailed when the settings have no such section */
export function enrollmentOf({ enrollment }: Settings): EnrollmentSettings {
  if (enrollment === undefined)
    throw new CommandFailed('Devices are not enrolled here: the settings have no `enrollment`')
  return enrollment
}

/** The profiles as they would be taken now. @throws WrongSettings with every mistake */
export function profilesOf(settings: Settings, env: NodeJS.ProcessEnv): readonly Profile[] {
  const { profiles, problems } = readProfiles(enrollmentOf(settings).profiles.files, env)
  if (profiles === undefined) throw new WrongSettings(problems)
  return profiles
}

export function findProfile(profiles: readonly Profile[], name: string): Profile {
  const found = profiles.find((profile) => profile.name === name)
  if (found !== undefined) return found
  const names = profiles.map((profile) => profile.name)
  throw new CommandFailed(
    `There is no profile ${name}: ${names.length === 0 ? 'there is none' : `there are ${names.join(', ')}`}`,
  )
}

import { accessRightsValue } from '../domain/access-rights.ts'
import type { Answer } from '../domain/answer.ts'
import type { EnrollingUser } from '../domain/enrolling-user.ts'
import { enrollmentProfile, type ProfileSettings } from './enrollment-profile.ts'
import type { ProfileIssued } from './ota/ota.ts'
import type { Passes } from './passes.ts'
import type { ProfileDelivery } from './profile-delivery.ts'

export interface DirectDependencies {
  readonly settings: ProfileSettings
  readonly passes: Passes
  readonly delivery: ProfileDelivery
  readonly onIssued: (issued: ProfileIssued) => Promise<void>
}

interface Asking {
  readonly user: EnrollingUser
  readonly source: string
  readonly at: number
}

/**
 * Direct enrollment: identity and management in one profile, for devices on which three phases do not work (Apple
 * Configurator, a profile by mail). Which device it will be is not known yet, so the certificate is named after the
 * pass, and belongs to the first device that shows it.
 */
export async function directProfile(
  { user, source, at }: Asking,
  { settings, passes, delivery, onIssued }: DirectDependencies,
): Promise<Answer> {
  const { id } = await passes.give('ota', { user, source, at })
  const commonName = unboundName(id)
  const scepChallenge = await passes.scepChallenge(
    { id, user },
    { which: 'final', enrollment: commonName, at, accessRights: accessRightsValue(settings.accessRights) },
  )
  const authority = await delivery.authority()
  await onIssued({ user: user.name, way: 'direct', at, source })
  return delivery.signed(enrollmentProfile({ settings, scepChallenge, commonName, authority }))
}

/** The name in a certificate whose device is not known when it is promised. */
export function unboundName(passId: string): string {
  return `enrollment-${passId}`
}

/** No device's id has an underscore, and each pass's has: a device that calls itself so is bound to its name all the same. */
export function isUnbound(name: string): boolean {
  return name.startsWith(unboundName('p_'))
}

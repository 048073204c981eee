import { X509Certificate } from 'node:crypto'
import { accessRightsIn } from '../../domain/access-rights.ts'
import type { Enrollment } from '../../domain/enrollment.ts'
import type { IssuedCertificate } from '../../domain/issued-certificate.ts'
import { sha256 } from '../../lib/hash.ts'
import { writePlist } from '../../lib/plist/write.ts'
import type { Store } from '../../store/ports.ts'
import { enrollmentProfile, type ProfileSettings } from '../enrollment-profile.ts'
import type { ProfileDelivery } from '../profile-delivery.ts'

export interface CommandOptions {
  readonly settings: ProfileSettings & {
    readonly accountDriven?: { readonly managedAppleId: string }
  }
  readonly record: Pick<Store, 'scepChallenges'>
  readonly delivery: ProfileDelivery
  /** 256 random bits as text: a challenge. */
  readonly secret: () => string
}

export interface Renewing {
  readonly enrollment: Enrollment
  /** That is renewed. */
  readonly identity: IssuedCertificate
  readonly at: number
  readonly expiresAt: number
}

/**
 * The command that installs the enrollment profile once more: all that a device must not see changed is as it was when it enrolled, and
 * the challenge is good for the holder of this identity alone. It is encrypted to it, also where the device had no key yet when it
 * enrolled.
 */
export async function renewalCommand(renewing: Renewing, options: CommandOptions): Promise<Buffer> {
  const { identity, enrollment } = renewing
  const { settings, delivery } = options
  const scepChallenge = await newChallenge(renewing, options)
  const { topic = settings.topic } = enrollment
  const managedAppleId = accountOf(renewing, settings)
  const profile = enrollmentProfile({
    settings: { ...settings, topic, accessRights: rightsOf(enrollment, settings) },
    scepChallenge,
    commonName: identity.enrollment,
    authority: await delivery.authority(),
    ...(managedAppleId !== undefined && {
      accountDriven: {
        mode: enrollment.kind === 'user-enrollment' ? ('byod' as const) : ('adde' as const),
        managedAppleId,
      },
    }),
  })
  const recipient = new X509Certificate(Buffer.from(identity.certificate, 'base64'))
  const { body } = await delivery.encrypted(profile, recipient)
  return writePlist({ RequestType: 'InstallProfile', Payload: Buffer.from(body) })
}

async function newChallenge(
  { identity, at, expiresAt }: Renewing,
  { record, secret }: CommandOptions,
): Promise<string> {
  const challenge = secret()
  const { enrollment, user, serial, managedAppleId } = identity
  await record.scepChallenges.add({
    ...{ hash: sha256(challenge), enrollment, createdAt: at, expiresAt, renews: serial },
    ...(user !== undefined && { user }),
    ...(managedAppleId !== undefined && { managedAppleId }),
  })
  return challenge
}

/** A device refuses rights that it was not asked for when it enrolled. */
function rightsOf({ accessRights: asked }: Enrollment, settings: ProfileSettings) {
  if (asked === undefined) return settings.accessRights
  return accessRightsIn(asked)
}

/** Of a user enrollment that is older than the record of it: what it would be named today. */
function accountOf({ identity, enrollment }: Renewing, { accountDriven }: CommandOptions['settings']) {
  if (identity.managedAppleId !== undefined || enrollment.kind !== 'user-enrollment')
    return identity.managedAppleId
  const user = enrollment.user?.replace(/@.*$/, '') ?? ''
  return accountDriven?.managedAppleId.replace('{user}', () => user)
}

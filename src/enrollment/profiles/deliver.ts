import { X509Certificate } from 'node:crypto'
import type { Enrollment } from '../../domain/enrollment.ts'
import { proxiedKeyOf } from '../../domain/issued-certificate.ts'
import { sha256 } from '../../lib/hash.ts'
import { writePlist } from '../../lib/plist/write.ts'
import type { Store } from '../../store/ports.ts'
import type { ProfileAuthority } from '../profile-delivery.ts'
import { scepAccess } from '../scep/access.ts'
import { buildProfile, type ProfileTemplate, type Recipient } from './build-profile.ts'
import type { DeviceIdentitySource } from './payloads/payload.ts'
import { encryptedPlist, profilePlist } from './seal-profile.ts'

export interface DeliveryOptions {
  readonly record: Pick<Store, 'certificates' | 'proxiedKeys' | 'scepChallenges'>
  readonly authority: ProfileAuthority
  readonly now: () => number
  /** 256 random bits as text: a challenge. */
  readonly secret: () => string
}

/** So long a device may be away before it fetches a profile with a certificate in it; then it is made anew. */
const challengeLife = 7 * 24 * 60 * 60 * 1000

export interface InstallCommand {
  /** Property list of the command. */
  readonly payload: Buffer
  readonly expiresAt?: number
}

/**
 * The command that installs a profile on one device: written for it, encrypted to it where that is asked for, signed.
 * @throws MissingVariable, NotForUserEnrollment, NoRecipient, CmsError
 */
export async function installCommand(
  template: ProfileTemplate,
  { enrollment, recipient }: { readonly enrollment: Enrollment; readonly recipient: Recipient },
  options: DeliveryOptions,
): Promise<InstallCommand> {
  const { record, authority, now } = options
  const { encrypted } = template.profile
  // First what can fail for good: a challenge that nobody gets is one too many.
  const certificate = encrypted ? await certificateOf(enrollment, record) : undefined
  buildProfile(template, recipient)
  const expiresAt = now() + challengeLife
  const identity = template.issues
    ? await newIdentity(template, { enrollment, renews: recipient.renews, expiresAt }, options)
    : undefined
  const built = buildProfile(template, recipient, identity && { identity })
  const plist = certificate === undefined ? profilePlist(built) : encryptedPlist(built, certificate)
  const signed = await authority.signProfile(plist)
  return {
    payload: writePlist({ RequestType: 'InstallProfile', Payload: signed }),
    ...(identity && { expiresAt }),
  }
}

export function removeCommand(identifier: string): Buffer {
  return writePlist({ RequestType: 'RemoveProfile', Identifier: identifier })
}

/** There is nobody to encrypt to: the identity of the device is of another CA. */
export class NoRecipient extends Error {
  constructor() {
    super('the certificate of the device is not in the record, so that nothing can be encrypted to it')
    this.name = 'NoRecipient'
  }
}

async function certificateOf(
  { certificate }: Enrollment,
  { certificates }: DeliveryOptions['record'],
): Promise<X509Certificate> {
  const issued = await certificates.byFingerprint(certificate)
  if (issued === undefined) throw new NoRecipient()
  return new X509Certificate(Buffer.from(issued.certificate, 'base64'))
}

interface NewIdentity {
  readonly enrollment: Enrollment
  readonly renews: string | undefined
  readonly expiresAt: number
}

/** What was revoked is renewed by nothing. */
async function holds(
  serial: string,
  { certificates, proxiedKeys }: DeliveryOptions['record'],
): Promise<boolean> {
  const certificate = await certificates.bySerial(serial)
  if (certificate !== undefined) return certificate.revoked === undefined
  const key = await proxiedKeys.find(proxiedKeyOf(serial))
  return key !== undefined && key.endedAt === undefined
}

/** The certificate names the enrollment, so that it ends together with it. */
async function newIdentity(
  { organisation, identifier: profile }: ProfileTemplate,
  { enrollment, renews, expiresAt }: NewIdentity,
  { record, authority, now, secret }: DeliveryOptions,
): Promise<DeviceIdentitySource> {
  const challenge = secret()
  const { id, user } = enrollment
  const hash = sha256(challenge)
  await record.scepChallenges.add({
    ...{ hash, enrollment: id, createdAt: now(), expiresAt, profile },
    ...(renews !== undefined && (await holds(renews, record)) && { renews }),
    ...(user !== undefined && { user }),
  })
  const own = { url: organisation.scepUrl, authority: await authority.authority() }
  const { behind } = organisation
  const access = scepAccess(challenge, { ...own, ...(behind && { behind }) })
  return {
    url: access.url,
    caName: organisation.identifier,
    subject: [
      ['O', organisation.name],
      ['CN', id],
    ],
    challenge: access.challenge ?? '',
    caFingerprint: Buffer.from(access.authority.fingerprint.replaceAll(':', ''), 'hex'),
  }
}

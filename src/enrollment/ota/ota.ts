/**
 * Over-the-air enrollment. Phase 1 hands out a challenge in the user's browser session (`profile-service.ts`); what is here
 * are phases 2 and 3, which come to one address, without any cookie:
 *
 *   2  the device's attributes and the challenge, signed by the certificate that Apple built in  →  how to get an identity
 *   3  the attributes again, signed by that identity  →  the enrollment profile, encrypted to it
 *
 * Which of the two it is, the signer's certificate decides and nothing that the message says: whoever could choose would leave the
 * challenge out.
 */
import type { X509Certificate } from 'node:crypto'
import { accessRightsValue } from '../../domain/access-rights.ts'
import type { Answer } from '../../domain/answer.ts'
import type { DeviceAttributes } from '../../domain/enrolling-user.ts'
import type { IssuedCertificate } from '../../domain/issued-certificate.ts'
import type { SignedMessage } from '../cms/cms.ts'
import { type DeviceSignatures, holderOf, isOfAppleDevice, readSigned } from '../device-message.ts'
import { enrollmentProfile, identityProfile, type ProfileSettings } from '../enrollment-profile.ts'
import type { Passes } from '../passes.ts'
import type { ProfileDelivery } from '../profile-delivery.ts'
import { EnrollmentRefused } from '../refusals.ts'
import type { Visit } from '../web/visit.ts'
import { readAttributes } from './device-attributes.ts'

export interface OtaDependencies {
  readonly settings: ProfileSettings
  readonly signatures: DeviceSignatures
  readonly certificates: {
    /** Undefined: none of our authorities has signed it. */
    recordOf(certificate: X509Certificate): Promise<IssuedCertificate | undefined>
  }
  readonly passes: Passes
  readonly delivery: ProfileDelivery
  /** A device has got the profile that puts it under management. */
  readonly onIssued: (issued: ProfileIssued) => Promise<void>
}

export interface ProfileIssued {
  readonly user: string
  readonly way: 'ota' | 'direct' | 'account-driven'
  readonly at: number
  readonly source: string
  readonly attributes?: DeviceAttributes
}

/** @throws EnrollmentRefused */
export async function profileService(visit: Visit, deps: OtaDependencies): Promise<Answer> {
  const message = readSigned(visit.body, deps.signatures)
  const issued = await deps.certificates.recordOf(message.signer)
  return issued === undefined ? phase2(visit, message, deps) : phase3(visit, { message, issued }, deps)
}

async function phase2(visit: Visit, message: SignedMessage, deps: OtaDependencies): Promise<Answer> {
  const { settings, passes, delivery } = deps
  const verified = isOfAppleDevice(message, deps.signatures)
  const { attributes, challenge } = readAttributes(message.content, verified)
  if (challenge === undefined) throw new EnrollmentRefused('challenge.missing')
  const { udid } = attributes
  if (udid === undefined) throw new EnrollmentRefused('device.attributes')
  const holder = holderOf(attributes, message.signer)
  const pass = await passes.claim('ota', challenge, { holder, attributes, at: visit.at })
  const scepChallenge = await passes.scepChallenge(pass, { which: 'first', enrollment: udid, at: visit.at })
  const authority = await delivery.authority()
  return delivery.signed(identityProfile({ settings, scepChallenge, commonName: udid, authority }))
}

interface FromIdentity {
  readonly message: SignedMessage
  readonly issued: IssuedCertificate
}

async function phase3(
  visit: Visit,
  { message, issued }: FromIdentity,
  deps: OtaDependencies,
): Promise<Answer> {
  const { settings, passes, delivery } = deps
  // An identity of an enrollment that has ended, or that was not made for this: it may not begin another one.
  const open =
    issued.challenge === undefined || issued.revoked !== undefined
      ? undefined
      : await passes.ofChallenge(issued.challenge)
  if (open === undefined || open.attributes === undefined) throw new EnrollmentRefused('device.signer')
  const { attributes } = readAttributes(message.content, open.attributes.verified)
  if (attributes.udid !== open.attributes.udid || attributes.serial !== open.attributes.serial)
    throw new EnrollmentRefused('device.another')
  const pass = await passes.finish(open, issued.fingerprint, visit.at)
  const { udid = '' } = open.attributes
  const scepChallenge = await passes.scepChallenge(pass, {
    ...{ which: 'final', enrollment: udid, at: visit.at },
    accessRights: accessRightsValue(settings.accessRights),
  })
  const authority = await delivery.authority()
  const profile = enrollmentProfile({ settings, scepChallenge, commonName: udid, authority })
  await deps.onIssued({
    user: pass.user.name,
    way: 'ota',
    at: visit.at,
    source: visit.source,
    attributes: open.attributes,
  })
  return delivery.encrypted(profile, message.signer)
}

import { randomUUID, type X509Certificate } from 'node:crypto'
import { accessRights, accessRightsValue } from '../domain/access-rights.ts'
import type { PlistDict } from '../lib/plist/values.ts'
import type { EnrollmentSettings } from '../settings/build-enrollment.ts'
import { type BehindAccess, scepAccess } from './scep/access.ts'

/** Paths on the enrollment listener that devices keep for as long as they are enrolled: they never change. */
export const devicePaths = { scep: '/scep', checkIn: '/mdm/check-in', command: '/mdm/command' } as const

export interface ProfileSettings
  extends Pick<EnrollmentSettings, 'publicUrl' | 'organisation' | 'identifier' | 'accessRights'> {
  /** Of the push certificate. */
  readonly topic: string
  /** Undefined: our own SCEP server issues. */
  readonly behind?: BehindAccess
}

export interface EnrollmentProfileOptions {
  readonly settings: ProfileSettings
  /** The one-time password with which the device gets its identity. */
  readonly scepChallenge: string
  /** The name in the certificate. */
  readonly commonName: string
  /** Of ours: devices learn it, and check answers of SCEP with it. */
  readonly authority: X509Certificate
  /** Undefined: enrolled from a profile. */
  readonly accountDriven?: { readonly mode: 'byod' | 'adde'; readonly managedAppleId: string }
}

/**
 * The profile that puts a device under management: our CA, an identity by SCEP, and the MDM payload that refers to it.
 * Nothing else belongs into it: what can change is sent as profiles of its own. A renewal is the same profile with a new
 * challenge, and must have the same identifier.
 */
export function enrollmentProfile(options: EnrollmentProfileOptions): PlistDict {
  const { settings } = options
  const identity = scepPayload(options)
  return {
    ...configuration(settings, 'enrollment'),
    PayloadDisplayName: `${settings.organisation}: device management`,
    PayloadDescription: `Lets ${settings.organisation} manage this device.`,
    PayloadRemovalDisallowed: false,
    ConsentText: { default: consentText(settings) },
    PayloadContent: [
      authorityPayload(settings, options.authority),
      identity,
      mdmPayload(options, String(identity.PayloadUUID)),
    ],
  }
}

/** The answer to phase 2 of an over-the-air enrollment: exactly one payload, the identity. */
export function identityProfile(options: EnrollmentProfileOptions): PlistDict {
  return {
    ...configuration(options.settings, 'identity'),
    PayloadDisplayName: `${options.settings.organisation}: certificate of this device`,
    PayloadContent: [scepPayload(options)],
  }
}

function configuration({ identifier, organisation }: ProfileSettings, name: string) {
  return {
    PayloadType: 'Configuration',
    PayloadVersion: 1,
    PayloadIdentifier: `${identifier}.${name}`,
    PayloadUUID: newUuid(),
    PayloadOrganization: organisation,
  }
}

function payload({ identifier, organisation }: ProfileSettings, type: string, name: string) {
  return {
    PayloadType: type,
    PayloadVersion: 1,
    PayloadIdentifier: `${identifier}.enrollment.${name}`,
    PayloadUUID: newUuid(),
    PayloadOrganization: organisation,
  }
}

function authorityPayload(settings: ProfileSettings, authority: X509Certificate): PlistDict {
  return {
    ...payload(
      settings,
      authority.issuer === authority.subject ? 'com.apple.security.root' : 'com.apple.security.pkcs1',
      'ca',
    ),
    PayloadDisplayName: `${settings.organisation}: device CA`,
    PayloadCertificateFileName: 'device-ca.cer',
    PayloadContent: authority.raw,
  }
}

function scepPayload({ settings, scepChallenge, commonName, authority }: EnrollmentProfileOptions) {
  const { publicUrl, behind } = settings
  const own = { url: `${publicUrl}${devicePaths.scep}`, authority }
  const access = scepAccess(scepChallenge, { ...own, ...(behind && { behind }) })
  return {
    ...payload(settings, 'com.apple.security.scep', 'identity'),
    PayloadDisplayName: `${settings.organisation}: certificate of this device`,
    PayloadContent: {
      URL: access.url,
      Name: settings.identifier,
      Subject: [[['O', settings.organisation]], [['CN', commonName]]],
      ...(access.challenge !== undefined && { Challenge: access.challenge }),
      // RSA and both usages: the identity signs, and encrypted profiles are opened with it.
      'Key Type': 'RSA',
      'Key Usage': 5,
      Keysize: 2048,
      CAFingerprint: fingerprint(access.authority),
      Retries: 3,
      RetryDelay: 10,
      KeyIsExtractable: false,
      AllowAllAppsAccess: true,
    },
  }
}

function mdmPayload({ settings, accountDriven }: EnrollmentProfileOptions, identityUuid: string): PlistDict {
  const { publicUrl, topic, accessRights: rights } = settings
  return {
    ...payload(settings, 'com.apple.mdm', 'mdm'),
    PayloadDisplayName: `${settings.organisation}: device management`,
    IdentityCertificateUUID: identityUuid,
    Topic: topic,
    ServerURL: `${publicUrl}${devicePaths.command}`,
    CheckInURL: `${publicUrl}${devicePaths.checkIn}`,
    SignMessage: true,
    CheckOutWhenRemoved: true,
    UseDevelopmentAPNS: false,
    ServerCapabilities: ['com.apple.mdm.per-user-connections', 'com.apple.mdm.bootstraptoken'],
    // A user enrollment has no rights to ask for: the system fixes them.
    ...(accountDriven?.mode !== 'byod' && { AccessRights: accessRightsValue(rights) }),
    ...(accountDriven && {
      EnrollmentMode: accountDriven.mode.toUpperCase(),
      AssignedManagedAppleID: accountDriven.managedAppleId,
    }),
  }
}

/** What the enrollment page says, once more by the device itself before it installs. */
function consentText({ organisation, accessRights: rights }: ProfileSettings): string {
  const lines = rights.map((name) => `• ${accessRights[name].words}`)
  return `${organisation} will be able to:\n${lines.join('\n')}\n\nYou can end this at any time by removing the profile.`
}

/** SHA-1 is what every system understands here; the connection to this server is trusted already. */
function fingerprint({ fingerprint: text }: X509Certificate): Buffer {
  return Buffer.from(text.replaceAll(':', ''), 'hex')
}

function newUuid(): string {
  return randomUUID().toUpperCase()
}

import { randomUUID } from 'node:crypto'
import type { PlistDict } from '../../lib/plist/values.ts'
import type { EnrollmentSettings } from '../../settings/build-enrollment.ts'

export const profileServicePath = '/enroll/profile-service'

/** What a device may leave out, it leaves out: only the UDID is always there. */
const attributes = ['UDID', 'VERSION', 'PRODUCT', 'SERIAL', 'DEVICE_NAME', 'IMEI', 'MEID'] as const

/**
 * Phase 1: asks the device to say what it is, and to show the challenge. Not a configuration profile but a bare payload. The
 * challenge was made for a user who is signed in, and is good for one device.
 */
export function profileServicePayload(
  { organisation, identifier, publicUrl }: EnrollmentSettings,
  challenge: string,
): PlistDict {
  return {
    PayloadType: 'Profile Service',
    PayloadVersion: 1,
    PayloadIdentifier: `${identifier}.profile-service`,
    PayloadUUID: randomUUID().toUpperCase(),
    PayloadOrganization: organisation,
    PayloadDisplayName: `Enroll with ${organisation}`,
    PayloadDescription: `Asks this device what it is, and gets its settings from ${organisation}.`,
    PayloadContent: {
      URL: `${publicUrl}${profileServicePath}`,
      DeviceAttributes: [...attributes],
      Challenge: challenge,
    },
  }
}

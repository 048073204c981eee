import type { X509Certificate } from 'node:crypto'
import type { DeviceAttributes } from '../domain/enrolling-user.ts'
import { sha256 } from '../lib/hash.ts'
import { CmsError, type SignedMessage } from './cms/cms.ts'
import { issuerOf } from './cms/trust.ts'
import { verifySignedData } from './cms/verify-signed-data.ts'
import { EnrollmentRefused } from './refusals.ts'

export interface DeviceSignatures {
  /** Apple's CAs of device certificates. */
  readonly authorities: readonly X509Certificate[]
  readonly check: 'require' | 'prefer' | 'off'
  readonly sha1: boolean
}

const mostBytes = 128 * 1024

/** A message that somebody has signed; by whom the certificate was issued is another question. @throws EnrollmentRefused */
export function readSigned(body: Buffer, { sha1 }: Pick<DeviceSignatures, 'sha1'>): SignedMessage {
  try {
    return verifySignedData(body, { sha1, maxBytes: mostBytes })
  } catch (error) {
    if (!(error instanceof CmsError)) throw error
    throw new EnrollmentRefused('device.signature', { cause: error })
  }
}

/**
 * Was it signed by the certificate that Apple built into a device? Dates and purposes do not count: the CA of many devices
 * expired in 2014. That proves an Apple device, not whose; the challenge binds the user.
 * @throws EnrollmentRefused when the settings require it
 */
export function isOfAppleDevice(
  { signer }: SignedMessage,
  { authorities, check }: DeviceSignatures,
): boolean {
  const verified = check !== 'off' && issuerOf(signer, authorities) !== undefined
  if (!verified && check === 'require') throw new EnrollmentRefused('device.signer')
  return verified
}

/** Who may repeat a request: the same device with the same certificate. */
export function holderOf({ udid, serial }: DeviceAttributes, signer: X509Certificate): string {
  return `${udid ?? ''}\n${serial ?? ''}\n${fingerprintOf(signer)}`
}

/** SHA-256 of the DER, base64url: as the record names certificates. */
export function fingerprintOf({ raw }: X509Certificate): string {
  return sha256(raw)
}

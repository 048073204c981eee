import type { PlistDict } from '../../src/lib/plist/values.ts'
import { textOf } from './plist-values.ts'
import { payloadsOf } from './profiles.ts'

/** What the enrollment profile has said. */
export interface Management {
  readonly topic: string
  readonly serverUrl: string
  readonly checkInUrl: string
  readonly signs: boolean
  readonly accessRights: number
  /** The organisation manages a part of it only (user enrollment), and learns neither UDID nor serial number. */
  readonly belongsToUser: boolean
  readonly checksOut: boolean
  readonly profile: string
}

/** @throws Error for a profile that manages nothing */
export function mdmIn(profile: PlistDict): { readonly identity: PlistDict; readonly management: Management } {
  const all = payloadsOf(profile)
  const mdm = all.find(({ PayloadType }) => PayloadType === 'com.apple.mdm')
  if (mdm === undefined) throw new Error('there is no MDM payload in this profile')
  const identity = all.find(({ PayloadUUID }) => PayloadUUID === mdm.IdentityCertificateUUID)
  if (identity === undefined) throw new Error('the MDM payload refers to no identity')
  const management = {
    topic: textOf(mdm.Topic),
    serverUrl: textOf(mdm.ServerURL),
    checkInUrl: textOf(mdm.CheckInURL ?? mdm.ServerURL),
    signs: mdm.SignMessage === true,
    accessRights: Number(mdm.AccessRights ?? 0),
    belongsToUser: mdm.EnrollmentMode === 'BYOD',
    checksOut: mdm.CheckOutWhenRemoved === true,
    profile: textOf(profile.PayloadIdentifier),
  }
  return { identity, management }
}

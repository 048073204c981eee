import { readPlist, readPlistDict } from '../../src/lib/plist/read.ts'
import type { PlistDict, PlistValue } from '../../src/lib/plist/values.ts'
import { type DeviceIdentity, decrypted, openSigned } from './messages.ts'

export interface Removal {
  readonly supervised: boolean
  /** What the user types when asked. */
  readonly password?: string
}

/**
 * Why a device does not let its user take away a profile that its management has installed.
 * @returns undefined when it does
 */
export function removalRefused(profile: PlistDict, { supervised, password }: Removal): string | undefined {
  if (!supervised) return 'it goes away together with the whole management only'
  if (profile.PayloadRemovalDisallowed === true) return 'it cannot be removed'
  if (profile.HasRemovalPasscode !== true) return undefined
  const expected = payloadsOf(profile).find(
    ({ PayloadType }) => PayloadType === 'com.apple.profileRemovalPassword',
  )
  return expected?.RemovalPassword === password ? undefined : 'the password is wrong'
}

export function payloadsOf(profile: PlistDict): readonly PlistDict[] {
  const { PayloadContent: content } = profile
  return Array.isArray(content) ? (content as readonly PlistDict[]) : [] // a profile has dicts there
}

/** A signed profile, decrypted where it is encrypted to this identity. */
export function openProfile(bytes: Uint8Array, identity: DeviceIdentity): PlistDict {
  const profile = readPlistDict(openSigned(bytes).content)
  if (profile.IsEncrypted !== true) return profile
  const sealed = profile.EncryptedPayloadContent
  if (!(sealed instanceof Uint8Array)) throw new Error('an encrypted profile without content')
  const content = readPlist(decrypted(sealed, identity))
  if (!Array.isArray(content)) throw new Error('what is encrypted must be an array')
  return { ...profile, PayloadContent: content as readonly PlistValue[] }
}

/** Undefined: it is encrypted to another identity. */
export function opened(bytes: Uint8Array, identity: DeviceIdentity): PlistDict | undefined {
  try {
    return openProfile(bytes, identity)
  } catch {
    return undefined
  }
}

import type { PlistDict } from '../../src/lib/plist/values.ts'

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

/**
 * What an organisation may do with a device that it manages, as the MDM payload asks for it (`AccessRights`) and as the
 * enrollment page says it to the user before anything is installed. An enrolled device never grants a right that it was
 * not asked for at the beginning: to add one is to enroll again.
 */
export interface AccessRight {
  /** Its bit in `AccessRights`. */
  readonly value: number
  /** To the user, after “… can”. */
  readonly words: string
  /** The right that it does not work without. */
  readonly needs?: AccessRightName
}

export const accessRightNames = [
  'inspect-profiles',
  'install-profiles',
  'lock-and-passcode',
  'erase',
  'device-information',
  'network-information',
  'inspect-provisioning',
  'install-provisioning',
  'inspect-apps',
  'restrictions',
  'security',
  'settings',
  'manage-apps',
] as const
export type AccessRightName = (typeof accessRightNames)[number]

export const accessRights: Readonly<Record<AccessRightName, AccessRight>> = {
  'inspect-profiles': { value: 1, words: 'see which configuration profiles and certificates are installed' },
  'install-profiles': {
    value: 2,
    words: 'set up mail, Wi-Fi, VPN and other settings, change them and remove them again',
    needs: 'inspect-profiles',
  },
  'lock-and-passcode': {
    value: 4,
    words: 'lock the screen, remove a forgotten passcode, restart or shut down the device',
  },
  erase: { value: 8, words: 'erase everything on the device, for example when it is lost' },
  'device-information': {
    value: 16,
    words: 'see the name, model, serial number and system version of the device',
  },
  'network-information': {
    value: 32,
    words: 'see its phone number, mobile network and network addresses',
  },
  'inspect-provisioning': { value: 64, words: 'see which of the organisation’s own apps may run' },
  'install-provisioning': {
    value: 128,
    words: 'allow the organisation’s own apps to run, and end that again',
    needs: 'inspect-provisioning',
  },
  'inspect-apps': { value: 256, words: 'see which apps are installed, but not what is in them' },
  restrictions: { value: 512, words: 'see which restrictions are in force' },
  security: { value: 1024, words: 'see whether a passcode is set and the storage is encrypted' },
  settings: { value: 2048, words: 'change settings such as roaming or the device’s name' },
  'manage-apps': {
    value: 4096,
    words: 'install apps, set them up and remove those that it has installed',
  },
}

/** What no right of the protocol allows, so that the page can say so. */
export const neverAllowed: readonly string[] = [
  'read your mail, messages, photos or notes',
  'see your passwords or your passcode',
  'see which websites you visit or whom you call',
]

/** The number in the payload. */
export function accessRightsValue(names: readonly AccessRightName[]): number {
  return names.reduce((value, name) => value | accessRights[name].value, 0)
}

/** The rights in a number. */
export function accessRightsIn(value: number): readonly AccessRightName[] {
  return accessRightNames.filter((name) => (value & accessRights[name].value) !== 0)
}

/** Rights without the one that they need; a device refuses such a payload (error 12000). */
export function lackingRights(
  names: readonly AccessRightName[],
): { readonly name: AccessRightName; readonly needs: AccessRightName }[] {
  return names.flatMap((name) => {
    const { needs } = accessRights[name]
    return needs === undefined || names.includes(needs) ? [] : { name, needs }
  })
}

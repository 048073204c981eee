/**
 * App configurations: what an MDM hands to the company app, written for each vendor with that vendor's own variables for
 * device and user. `vendors/` has one file each, `formats/` one file for each kind of file; `entries.ts` says which keys there
 * are. All of it is pure: settings and secrets are handed in, text comes out.
 *
 * This file: what is known of a vendor.
 */

export const appPlatforms = ['ios', 'android'] as const
export type AppPlatform = (typeof appPlatforms)[number]

/** `plist`: iOS values. `appconfig`: the AppConfig Community's specification. `json`: Android values. `xml`: Android, see the vendor. */
export const formatNames = ['plist', 'appconfig', 'json', 'xml'] as const
export type FormatName = (typeof formatNames)[number]

/** Ids of a device that a variable can stand for; the app names them in `deviceIdType`. */
export const deviceIdTypes = ['UDID', 'SERIAL', 'IMEI', 'ENTRA'] as const
export type DeviceIdType = (typeof deviceIdTypes)[number]

/** What the MDM puts in when it hands the configuration to a device. */
export interface Variable {
  readonly text: string
  /** Read in the vendor's documents, or in something that works. Otherwise it must be checked on a real tenant. */
  readonly verified: boolean
}

export interface Variables {
  /** The first one is the device's id unless something else is asked for. */
  readonly device: readonly (readonly [DeviceIdType, Variable])[]
  /** What is most likely the name that users sign in with. */
  readonly user: Variable
  readonly email?: Variable
}

export interface MdmVendor {
  /** As in the settings of `compliance.vendors`. */
  readonly name: string
  readonly title: string
  readonly variables: Readonly<Record<AppPlatform, Variables>>
  /** The console takes the bare `<dict>` rather than a whole property list. */
  readonly bareDict?: true
  /** The vendor's own XML for Android, instead of the app's restrictions. */
  readonly androidXml?: 'characteristic'
  /** Characters between which this vendor puts variables: other values must not hold them. */
  readonly markers: RegExp
  /** Where the file goes in the console. */
  readonly where: Readonly<Record<AppPlatform, string>>
  readonly notes?: readonly string[]
}

export function verified(text: string): Variable {
  return { text, verified: true }
}

export function toCheck(text: string): Variable {
  return { text, verified: false }
}

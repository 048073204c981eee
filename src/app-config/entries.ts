import type { AppPlatform, DeviceIdType, MdmVendor, Variable } from './vendor.ts'

/** One key of the configuration. All values are text: that is the one type that every MDM and both platforms share. */
export interface Entry {
  readonly key: string
  readonly title: string
  readonly description: string
  readonly value: string
  /** `variable`: the MDM fills it in. `secret`: shown only when that is asked for. */
  readonly kind: 'fixed' | 'variable' | 'secret'
}

export interface AppConfiguration {
  readonly vendor: MdmVendor
  readonly platform: AppPlatform
  /** Bundle id or package name of the app. */
  readonly appId: string
  readonly entries: readonly Entry[]
  /** What has to be checked on a real tenant before this is rolled out, in plain words. */
  readonly toCheck: readonly string[]
}

export interface Wanted {
  readonly vendor: MdmVendor
  readonly platform: AppPlatform
  readonly appId: string
  readonly company: string
  readonly defaultHost: string
  readonly minimumVersion?: string
  /** Undefined: all ids that the vendor surely has a variable for. */
  readonly deviceIds?: readonly DeviceIdType[]
  readonly packageKeyId: string
  /** Undefined: a placeholder stands in its place. */
  readonly packageKey?: string
  readonly mdmToken?: string
  /** Also PingID's key, for an app of PingID's that is rolled out already. */
  readonly pingId: boolean
  /** Values that take the place of the vendor's own, by key. */
  readonly overrides: Readonly<Partial<Record<OverridableKey, string>>>
}

export const overridableKeys = ['deviceId', 'deviceIdType', 'username', 'email'] as const
export type OverridableKey = (typeof overridableKeys)[number]

/** Words that nobody takes for a key: an app that gets them says so. */
export const placeholders = { packageKey: 'PACKAGE-KEY-GOES-HERE', mdmToken: 'MDM-TOKEN-GOES-HERE' } as const

/** @throws WrongValue */
export function appConfiguration(wanted: Wanted): AppConfiguration {
  const { vendor, platform, appId, overrides } = wanted
  const chosen = chooseVariables(wanted)
  const entries = [...fixedEntries(wanted), ...variableEntries(chosen, overrides), ...secretEntries(wanted)]
  for (const { key, value } of entries) checkValue(key, value)
  const unsure = Object.entries(chosen.unsure).filter(([key]) => !(key in overrides))
  return {
    vendor,
    platform,
    appId,
    entries,
    toCheck: [
      ...unsure.map(
        ([key, text]) => `${key}: ${text} is likely ${vendor.title}’s variable, and not verified`,
      ),
      ...entries
        .filter(({ kind, value }) => kind === 'fixed' && vendor.markers.test(value))
        .map(({ key }) => `${key}: holds characters between which ${vendor.title} puts variables`),
    ],
  }
}

/** The value cannot stand in a configuration. */
export class WrongValue extends Error {
  constructor(key: string, why: string) {
    super(`${key} ${why}`)
    this.name = 'WrongValue'
  }
}

interface Chosen {
  readonly deviceId: string
  readonly deviceIdType: string
  readonly username: string
  readonly email?: string
  readonly unsure: Readonly<Record<string, string>>
}

/** An id that an MDM leaves unfilled does no harm: the gateway takes those that are filled. */
function chooseVariables({ vendor, platform, deviceIds }: Wanted): Chosen {
  const { device, user, email } = vendor.variables[platform]
  const ids =
    deviceIds === undefined ? surest(device) : deviceIds.map((type) => [type, variableFor(type)] as const)
  function variableFor(type: DeviceIdType): Variable {
    const found = device.find(([known]) => known === type)?.[1]
    if (found !== undefined) return found
    const known = device.map(([name]) => name).join(', ')
    throw new WrongValue(
      'deviceIdType',
      `${type} has no variable in ${vendor.title} for ${platform}; there are ${known}`,
    )
  }
  const unsureIds = ids.filter(([, variable]) => !variable.verified).map(([, { text }]) => text)
  return {
    deviceId: ids.map(([, { text }]) => text).join('|'),
    deviceIdType: ids.map(([type]) => type).join('|'),
    username: user.text,
    ...(email !== undefined && { email: email.text }),
    unsure: {
      ...(unsureIds.length > 0 && { deviceId: unsureIds.join(', ') }),
      ...(!user.verified && { username: user.text }),
      ...(email !== undefined && !email.verified && { email: email.text }),
    },
  }
}

function surest(device: readonly (readonly [DeviceIdType, Variable])[]) {
  const sure = device.filter(([, { verified }]) => verified)
  return sure.length > 0 ? sure : device
}

function fixedEntries({ company, defaultHost, minimumVersion }: Wanted): Entry[] {
  const fixed = { kind: 'fixed' } as const
  return [
    {
      ...fixed,
      key: 'companyName',
      title: 'Company',
      description: 'As in the gateway’s settings (`app.company`).',
      value: company,
    },
    {
      ...fixed,
      key: 'defaultHost',
      title: 'Gateway',
      description: 'Host name of the gateway that the app registers at.',
      value: defaultHost,
    },
    ...(minimumVersion === undefined
      ? []
      : [
          {
            ...fixed,
            key: 'minimumVersion',
            title: 'Least version',
            description: 'An older app asks to be updated.',
            value: minimumVersion,
          },
        ]),
  ]
}

function variableEntries(chosen: Chosen, overrides: Wanted['overrides']): Entry[] {
  const email = overrides.email ?? chosen.email
  const variable = { kind: 'variable' } as const
  return [
    {
      ...variable,
      key: 'deviceId',
      title: 'Device',
      description: 'Ids of the device, with | between.',
      value: overrides.deviceId ?? chosen.deviceId,
    },
    {
      key: 'deviceIdType',
      kind: 'fixed',
      title: 'Kind of id',
      description: 'What they are: UDID, SERIAL, IMEI, MEID, EAS or ENTRA, with | between.',
      value: overrides.deviceIdType ?? chosen.deviceIdType,
    },
    {
      ...variable,
      key: 'username',
      title: 'User',
      description: 'The name that the user signs in with.',
      value: overrides.username ?? chosen.username,
    },
    ...(email === undefined
      ? []
      : [{ ...variable, key: 'email', title: 'E-mail', description: 'The user’s address.', value: email }]),
  ]
}

function secretEntries({ packageKeyId, packageKey, mdmToken, pingId }: Wanted): Entry[] {
  const secret = { kind: 'secret' } as const
  const token = mdmToken ?? placeholders.mdmToken
  return [
    {
      key: 'packageKeyId',
      kind: 'fixed',
      title: 'Id of the package key',
      description: 'As in the gateway’s settings (`app.packageKeys`).',
      value: packageKeyId,
    },
    {
      ...secret,
      key: 'packageKey',
      title: 'Package key',
      description: 'Signs the app’s first contact. Secret.',
      value: packageKey ?? placeholders.packageKey,
    },
    {
      ...secret,
      key: 'mdmToken',
      title: 'MDM token',
      description: 'Shows that the device is managed. Secret.',
      value: token,
    },
    ...(pingId
      ? [
          {
            ...secret,
            key: 'PINGID_MDM_TOKEN',
            title: 'PingID MDM token',
            description: 'The same token, under the name that PingID’s app reads. Secret.',
            value: token,
          },
        ]
      : []),
  ]
}

/** A variable or name of several lines is a mistake, and what XML cannot hold at all is an attack. */
function checkValue(key: string, value: string): void {
  if (value === '') throw new WrongValue(key, 'is empty')
  if (value.length > 1000) throw new WrongValue(key, 'is longer than 1000 characters')
  if (/[\u0000-\u001f\u007f-\u009f\ufffe\uffff]/.test(value) || !value.isWellFormed())
    throw new WrongValue(key, 'holds control characters')
}

import { isPlistArray, stringField } from '../../lib/plist/fields.ts'
import { isPlistDict } from '../../lib/plist/values.ts'
import type { DeviceCommand } from './command.ts'

/** Those that Apple knows; a device that does not know one fails that item alone. */
export const settingsItems: readonly string[] = [
  ...[
    'AccessibilitySettings',
    'AppAnalytics',
    'ApplicationAttributes',
    'ApplicationConfiguration',
    'Bluetooth',
  ],
  ...['DataRoaming', 'DeviceName', 'DiagnosticSubmission', 'HostName', 'MDMOptions', 'MaximumResidentUsers'],
  ...['OrganizationInfo', 'PasscodeLockGracePeriod', 'PersonalHotspot', 'SharedDeviceConfiguration'],
  ...['SoftwareUpdateSettings', 'TimeZone', 'VoiceRoaming', 'Wallpaper'],
]

export const settings: DeviceCommand = {
  name: 'Settings',
  summary: 'Change settings of the device, item by item; also the configuration of managed apps.',
  right: 'settings',
  keys: {
    Settings: { type: 'dicts', required: true, description: 'a list of dictionaries, each with its Item' },
  },
  check({ Settings: items }) {
    const unknown = (isPlistArray(items) ? items : [])
      .filter(isPlistDict)
      .map((item) => stringField(item, 'Item') ?? 'nothing')
      .find((item) => !settingsItems.includes(item))
    return unknown === undefined ? undefined : `${unknown} is not an Item. One of ${settingsItems.join(', ')}`
  },
}

import type { DeviceCommand } from './command.ts'

export const installApplication: DeviceCommand = {
  name: 'InstallApplication',
  summary: 'Install an app. Acknowledged means that the device has taken it up, not that the app is there.',
  right: 'manage-apps',
  keys: {
    iTunesStoreID: { type: 'integer', description: 'the app in the App Store, by number' },
    Identifier: { type: 'string', description: 'the app in the App Store, by bundle identifier' },
    ManifestURL: { type: 'string', description: 'https:// address of the manifest', pattern: /^https:\/\// },
    ManagementFlags: {
      type: 'integer',
      description: '1 remove with management, 4 no backup',
      values: [0, 1, 4, 5],
    },
    Configuration: { type: 'dict', description: 'the app’s configuration' },
    Attributes: { type: 'dict', description: 'VPNUUID, Removable and the like' },
    Options: { type: 'dict', description: 'PurchaseMethod: 1 volume licence' },
    ChangeManagementState: {
      type: 'string',
      description: 'take over the user’s own copy',
      values: ['Managed'],
    },
    InstallAsManaged: { type: 'boolean', description: 'Macs: as a managed app' },
    iOSApp: { type: 'boolean', description: 'Macs: an app for iOS' },
  },
  check(values) {
    const sources = ['iTunesStoreID', 'Identifier', 'ManifestURL'].filter((name) =>
      Object.hasOwn(values, name),
    )
    return sources.length === 1 ? undefined : 'needs exactly one of iTunesStoreID, Identifier and ManifestURL'
  },
}

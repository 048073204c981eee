import { arrayField } from '../../lib/plist/fields.ts'
import type { DeviceCommand } from './command.ts'
import { dictsToJson } from './to-json.ts'

export const installedApplicationList: DeviceCommand = {
  name: 'InstalledApplicationList',
  summary: 'List the apps that are installed; on a device that its user owns, the managed ones.',
  right: 'inspect-apps',
  userEnrollment: 'forbidden-on-macs',
  keys: {
    Identifiers: { type: 'strings', description: 'only these apps, by bundle identifier' },
    ManagedAppsOnly: { type: 'boolean', description: 'only apps that were installed by management' },
    Items: {
      type: 'strings',
      description: 'which keys to report of each app, such as Identifier and Version',
    },
  },
  neverDeferred: true,
  read(answer) {
    const list = arrayField(answer, 'InstalledApplicationList')
    return list && { part: 'applications', values: { list: dictsToJson(list) } }
  },
}

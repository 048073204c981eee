import { arrayField } from '../../lib/plist/fields.ts'
import type { DeviceCommand } from './command.ts'
import { dictsToJson } from './to-json.ts'

/** It reads what is set; setting is an item of Settings. */
export const managedApplicationConfiguration: DeviceCommand = {
  name: 'ManagedApplicationConfiguration',
  summary:
    'Read the app configurations that are set. They are set by Settings, item ApplicationConfiguration.',
  right: 'manage-apps',
  deviceOnly: true,
  keys: {
    Identifiers: { type: 'strings', required: true, description: 'managed apps, by bundle identifier' },
  },
  read(answer) {
    const list = arrayField(answer, 'ApplicationConfigurations')
    return list && { part: 'application-configurations', values: { list: dictsToJson(list) } }
  },
}

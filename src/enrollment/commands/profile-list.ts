import { arrayField } from '../../lib/plist/fields.ts'
import type { DeviceCommand } from './command.ts'
import { dictsToJson } from './to-json.ts'

export const profileList: DeviceCommand = {
  name: 'ProfileList',
  summary: 'List the configuration profiles that are installed.',
  right: 'inspect-profiles',
  keys: {
    ManagedOnly: { type: 'boolean', description: 'only those that were installed by management' },
  },
  neverDeferred: true,
  read(answer) {
    const list = arrayField(answer, 'ProfileList')
    return list && { part: 'profiles', values: { list: dictsToJson(list) } }
  },
}

import { dictField } from '../../lib/plist/fields.ts'
import type { DeviceCommand } from './command.ts'
import { dictToJson } from './to-json.ts'

export const securityInfo: DeviceCommand = {
  name: 'SecurityInfo',
  summary: 'Ask whether a passcode is set and fits the rules, and whether the storage is encrypted.',
  right: 'security',
  keys: {},
  read(answer) {
    const values = dictField(answer, 'SecurityInfo')
    return values && { part: 'security-info', values: dictToJson(values) }
  },
}

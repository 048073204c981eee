import { arrayField } from '../../lib/plist/fields.ts'
import type { DeviceCommand } from './command.ts'
import { dictsToJson } from './to-json.ts'

export const certificateList: DeviceCommand = {
  name: 'CertificateList',
  summary: 'List the certificates that are installed.',
  right: 'inspect-profiles',
  keys: {
    ManagedOnly: { type: 'boolean', description: 'only those that were installed by management' },
  },
  neverDeferred: true,
  read(answer) {
    const list = arrayField(answer, 'CertificateList')
    return list && { part: 'certificates', values: { list: dictsToJson(list) } }
  },
}

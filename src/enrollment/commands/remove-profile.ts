import type { DeviceCommand } from './command.ts'

export const removeProfile: DeviceCommand = {
  name: 'RemoveProfile',
  summary: 'Remove a configuration profile that was installed by management.',
  right: 'install-profiles',
  keys: {
    Identifier: { type: 'string', required: true, description: 'the profile’s PayloadIdentifier' },
  },
}

import type { DeviceCommand } from './command.ts'

export const removeApplication: DeviceCommand = {
  name: 'RemoveApplication',
  summary: 'Remove an app that was installed by management, with its data.',
  right: 'manage-apps',
  userEnrollment: 'forbidden-on-macs',
  deviceOnly: true,
  keys: {
    Identifier: { type: 'string', required: true, description: 'the app’s bundle identifier' },
  },
}

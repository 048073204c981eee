import type { DeviceCommand } from './command.ts'

export const installProfile: DeviceCommand = {
  name: 'InstallProfile',
  summary: 'Install a configuration profile, or replace the one with the same identifier.',
  right: 'install-profiles',
  keys: {
    Payload: { type: 'data', required: true, description: 'the profile, XML or signed' },
  },
}

import type { DeviceCommand } from './command.ts'

export const restartDevice: DeviceCommand = {
  name: 'RestartDevice',
  summary: 'Restart the device. One with a passcode may be out of reach until somebody unlocks it.',
  right: 'lock-and-passcode',
  userEnrollment: 'forbidden',
  deviceOnly: true,
  keys: {
    NotifyUser: { type: 'boolean', description: 'Macs: ask the user to restart' },
    RebuildKernelCache: { type: 'boolean', description: 'Macs: rebuild the kernel cache' },
    KextPaths: { type: 'strings', description: 'Macs: kernel extensions for the rebuilt cache' },
  },
  supervisedOnly: true,
}

import type { DeviceCommand } from './command.ts'

export const eraseDevice: DeviceCommand = {
  name: 'EraseDevice',
  summary: 'Erase everything on the device (remote wipe). The device may go without reporting it.',
  right: 'erase',
  userEnrollment: 'forbidden',
  deviceOnly: true,
  keys: {
    PreserveDataPlan: { type: 'boolean', description: 'keep the mobile plan of an eSIM' },
    DisallowProximitySetup: { type: 'boolean', description: 'no set-up by holding another device near' },
    PIN: { type: 'string', description: 'Macs: six digits', pattern: /^[0-9]{6}$/ },
    ObliterationBehavior: {
      type: 'string',
      description: 'Macs: what happens when the fast way of erasing is not possible',
      values: ['Default', 'DoNotObliterate', 'ObliterateWithWarning', 'Always'],
    },
    ReturnToService: {
      type: 'dict',
      description: 'Enabled, WiFiProfileData, MDMProfileData: set itself up again',
    },
  },
  destructive: true,
  neverDeferred: true,
}

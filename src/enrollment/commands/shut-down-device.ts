import type { DeviceCommand } from './command.ts'

export const shutDownDevice: DeviceCommand = {
  name: 'ShutDownDevice',
  summary: 'Shut the device down. It is out of reach until somebody presses its button.',
  right: 'lock-and-passcode',
  userEnrollment: 'forbidden',
  deviceOnly: true,
  keys: {},
  supervisedOnly: true,
}

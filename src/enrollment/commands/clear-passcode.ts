import type { DeviceCommand } from './command.ts'

export const clearPasscode: DeviceCommand = {
  name: 'ClearPasscode',
  summary: 'Remove a forgotten passcode. The passcode rules then ask for a new one.',
  right: 'lock-and-passcode',
  userEnrollment: 'forbidden',
  deviceOnly: true,
  keys: {},
  unlocks: true,
  neverDeferred: true,
}

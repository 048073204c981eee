import type { DeviceCommand } from './command.ts'

export const deviceLock: DeviceCommand = {
  name: 'DeviceLock',
  summary: 'Lock the screen. A Mac restarts and stays locked until the PIN is typed: keep it.',
  right: 'lock-and-passcode',
  userEnrollment: 'forbidden-on-macs',
  deviceOnly: true,
  keys: {
    Message: { type: 'string', description: 'shown on the lock screen' },
    PhoneNumber: { type: 'string', description: 'shown on the lock screen' },
    PIN: { type: 'string', description: 'Macs: six digits that unlock it again', pattern: /^[0-9]{6}$/ },
  },
  neverDeferred: true,
}

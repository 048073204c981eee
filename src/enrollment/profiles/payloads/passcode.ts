import { flag, whole } from './fields.ts'
import type { PayloadDefinition } from './payload.ts'

export const passcode: PayloadDefinition = {
  name: 'passcode',
  type: 'com.apple.mobiledevice.passwordpolicy',
  title: 'Passcode policy',
  systems: { ios: '4.0', macos: '10.7' },
  userEnrollment: 'forbidden-on-macs',
  fields: {
    required: flag(
      'forcePIN',
      'There must be a passcode; without this, the other rules hold only where there is one.',
      { ours: true },
    ),
    minLength: whole('minLength', [0, 16], 'How long it is at least.', { example: 6 }),
    simple: flag('allowSimple', 'Repeated, ascending and descending characters are allowed.'),
    alphanumeric: flag('requireAlphanumeric', 'It must have letters, not digits alone.'),
    complexCharacters: whole(
      'minComplexChars',
      [0, 4],
      'How many characters are neither letters nor digits.',
    ),
    maxFailedAttempts: whole(
      'maxFailedAttempts',
      [2, 11],
      'After so many wrong ones the device is **erased**. Waits begin with the sixth.',
    ),
    lockAfterMinutes: whole(
      'maxInactivity',
      [0, 15],
      'Minutes until the screen locks, at most; 0: the user’s choice.',
    ),
    graceMinutes: whole(
      'maxGracePeriod',
      [0, 240],
      'Minutes after locking in which it unlocks without a passcode.',
    ),
    maxAgeDays: whole('maxPINAgeInDays', [0, 730], 'Days until a new one is needed.'),
    history: whole('pinHistory', [1, 50], 'So many earlier ones cannot be used again.'),
  },
  facts: {
    forcePIN: { userEnrollment: 'ignored' },
    minLength: { userEnrollment: 'ignored' },
    allowSimple: { userEnrollment: 'ignored' },
    requireAlphanumeric: { userEnrollment: 'ignored' },
    minComplexChars: { userEnrollment: 'ignored' },
    maxFailedAttempts: { userEnrollment: 'ignored' },
    maxInactivity: { userEnrollment: 'ignored' },
    maxGracePeriod: { userEnrollment: 'ignored' },
    maxPINAgeInDays: { userEnrollment: 'ignored' },
    pinHistory: { userEnrollment: 'ignored' },
  },
}

/** Bytes of heap for each hot copy, beside what `devices/copy-size.ts` takes it for: `node --expose-gc scripts/measure-hot-copies.ts`. */

import { clientKey } from '../src/clients/client-key.ts'
import { createDeviceStates } from '../src/devices/device-states.ts'
import type { DeviceState } from '../src/domain/registration.ts'

const copies = 50_000

function state(n: number): DeviceState {
  // Out of JSON, as from the record: each state has strings of its own.
  return JSON.parse(
    JSON.stringify({
      version: n,
      registration: {
        id: `r_${n}`,
        service: 'mail',
        user: `user-${n}@example.com`,
        binding: 'claimed',
        device: {
          type: 'iPhone',
          platform: 'ios',
          model: 'iPhone16,2',
          osVersion: '18.1',
          claimedId: `F5D1C2E8A9B74D60${n}`,
          userAgent: 'Apple-iPhone16C2/2201.500',
        },
        evidence: ['network'],
        networks: ['office-wifi'],
        rule: 'Certificate Wi-Fi',
        source: '10.20.30.40',
        registeredAt: 1_760_000_000_000 + n,
      },
      posture: {
        state: 'compliant',
        match: 'exact',
        vendor: 'intune',
        checkedAt: 1_760_000_000_000,
        device: `d-${n}`,
      },
    }),
  )
}

const devices = createDeviceStates({
  registrations: {
    findByKeys: async ([hash = '']) => ({ state: state(Number(numbers.get(hash))), keyHash: hash }),
  },
  hotDevices: copies,
  staleFor: () => 0,
  now: () => 1_760_000_000_000,
  monotonic: () => 0,
})
const numbers = new Map<string, number>()

function heap(): number {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

for (let n = 0; n < copies; n++) numbers.set(clientKey('mail', 'claimed', String(n)).hash, n)
const before = heap()
for (const hash of numbers.keys()) await devices.find([{ binding: 'claimed', hash: `${hash}`.slice() }])
const bytes = Math.round((heap() - before) / copies)
const estimated = Math.round(devices.hot.bytes / devices.hot.keys)
console.log(`${bytes} bytes of heap for each hot copy with one key; taken for ${estimated}`)

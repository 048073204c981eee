import t from 'tap'
import { createDeviceStates } from '../../src/devices/device-states.ts'
import { unknownPosture } from '../../src/domain/posture.ts'
import type { DeviceState } from '../../src/domain/registration.ts'
import type { CachedState, CacheEntry, DeviceStateCache } from '../../src/shared-state/ports.ts'
import type { FoundState } from '../../src/store/ports.ts'
import { key, registration, start } from '../store/contract/values.ts'

const state = (version: number): DeviceState => ({
  ...{ version, registration: registration('r_1'), posture: unknownPosture },
})

/** A shared cache and a record that both say what the test wants, and remember what they were told. */
function underTest() {
  const cached = new Map<string, CachedState | 'unknown'>()
  const recorded = new Map<string, FoundState>()
  const told: unknown[] = []
  const cache: DeviceStateCache = {
    find: async (hashes) => hashes.map((hash) => cached.get(hash)),
    put: async ({ hash, asOf }: CacheEntry) => void told.push(['put', hash, asOf]),
    putUnknown: async (hashes, asOf) => void told.push(['unknown', ...hashes, asOf]),
    invalidate: async (id, sequence, mark) => void told.push(['invalidate', id, sequence, mark]),
    forgetUnknown: async () => {},
    distrust: () => void told.push('distrust'),
  }
  const devices = createDeviceStates({
    registrations: {
      findByKeys: async (hashes) => hashes.map((hash) => recorded.get(hash)).find((one) => one !== undefined),
    },
    ...{ cache, hotDevices: 10, staleFor: () => 0, now: () => start, monotonic: () => 5 },
  })
  return { cached, recorded, told, devices }
}

t.test('a state of which a change was told here is not believed to the shared cache any more', async (t) => {
  const { cached, recorded, devices } = underTest()
  cached.set('a', { state: state(3) })
  t.match(await devices.find([key('a')]), { version: 3 })
  recorded.set('a', { state: state(4), keyHash: 'a' })
  devices.drop('r_1')
  t.match(await devices.find([key('a')]), { version: 4 })
})

t.test('a key that has ended is unknown also when the shared cache still holds it', async (t) => {
  const { cached, devices } = underTest()
  cached.set('a', { state: state(3), keyExpiresAt: start })
  t.equal(await devices.find([key('a')]), undefined)
})

t.test('what the record gave is shared only as of a sequence that the read certainly saw', async (t) => {
  const { recorded, told, devices } = underTest()
  recorded.set('b', { state: state(3), keyHash: 'b' })
  t.match(await devices.find([key('a'), key('b')]), { version: 3 })
  t.strictSame(told, [], 'the changes are not followed yet')
  devices.dropAll(7)
  await devices.find([key('a'), key('b')])
  t.strictSame(told, ['distrust', ['unknown', 'a', 7], ['put', 'b', 7]])
})

t.test('each change of a registration is told to the shared cache, and so is a gap', async (t) => {
  const { told, devices } = underTest()
  devices.drop('r_1', { sequence: 8, mark: 'm' })
  devices.dropAll()
  t.strictSame(told, [['invalidate', 'r_1', 8, 'm'], 'distrust'])
})

import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createDeviceStates, StateUnavailable } from '../../src/devices/device-states.ts'
import { unknownPosture } from '../../src/domain/posture.ts'
import type { DeviceState } from '../../src/domain/registration.ts'
import type { FoundState } from '../../src/store/ports.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { eventually } from '../helpers/eventually.ts'
import { admin, key, registration, start } from '../store/contract/values.ts'

function state(id: string, version = 1): DeviceState {
  return { version, registration: registration(id), posture: unknownPosture }
}

/** A record in which the test says what each key finds, whether it answers, and when. */
function deviceStatesUnderTest(hotDevices = 100) {
  const record = new Map<string, FoundState>()
  const asked: string[] = []
  const clock = { now: start, monotonic: 5 }
  const control: { down: boolean; hold: Promise<void> | undefined } = { down: false, hold: undefined }
  const devices = createDeviceStates({
    registrations: {
      async findByKeys(hashes) {
        asked.push(hashes.join())
        if (control.down) throw new Error('disk on fire')
        const found = hashes.map((hash) => record.get(hash)).find((one) => one !== undefined)
        await control.hold
        return found
      },
    },
    hotDevices,
    staleFor: () => 10_000,
    now: () => clock.now,
    monotonic: () => clock.monotonic,
  })
  function put(hash: string, found: DeviceState, keyExpiresAt?: number): void {
    record.set(hash, { state: found, keyHash: hash, ...(keyExpiresAt === undefined ? {} : { keyExpiresAt }) })
  }
  return { devices, record, asked, clock, control, put }
}

function heldBack() {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { promise, resolve }
}

t.test('a state that is hot is there at once, without asking the record', async (t) => {
  const { devices, asked, put } = deviceStatesUnderTest()
  put('a', state('r_1'))
  const first = devices.find([key('a')])
  t.type(first, Promise)
  t.strictSame(await first, state('r_1'))
  t.strictSame(devices.find([key('a')]), state('r_1'))
  t.equal(devices.find([]), undefined)
  t.strictSame(asked, ['a'])
})

t.test('the strongest key that is known wins, whatever is hot', async (t) => {
  const { devices, put } = deviceStatesUnderTest()
  put('weak', state('r_1'))
  put('strong', state('r_2'))
  await devices.find([key('weak')])
  t.match(await devices.find([key('strong'), key('weak')]), { registration: { id: 'r_2' } })
  t.match(devices.find([key('strong'), key('weak')]), { registration: { id: 'r_2' } })
  t.match(devices.find([key('weak'), key('strong')]), { registration: { id: 'r_1' } })
})

t.test('a key that ends is unknown from then on, hot or not', async (t) => {
  const { devices, put, clock, record } = deviceStatesUnderTest()
  put('a', state('r_1'), start + 10)
  t.ok(await devices.find([key('a')]))
  clock.now = start + 9
  t.ok(devices.find([key('a')]))
  clock.now = start + 10
  t.equal(devices.find([key('a')]), undefined)
  record.clear()
  t.equal(devices.find([key('b', start + 10)]), undefined, 'a presented key that has ended is not looked up')
})

t.test(
  'an unknown key is remembered for a second, and no longer than until it is registered here',
  async (t) => {
    const { devices, put, clock, asked } = deviceStatesUnderTest()
    t.equal(await devices.find([key('a')]), undefined)
    clock.monotonic += 999
    t.equal(devices.find([key('a')]), undefined)
    t.equal(asked.length, 1)
    clock.monotonic += 1
    t.equal(await devices.find([key('a')]), undefined)
    t.equal(asked.length, 2)
    put('a', state('r_1'))
    devices.forgetUnknown([key('a')])
    t.match(await devices.find([key('a')]), { registration: { id: 'r_1' } })
  },
)

t.test('a change elsewhere ends what is remembered of unknown keys', async (t) => {
  const { devices, put } = deviceStatesUnderTest()
  t.equal(await devices.find([key('a')]), undefined)
  put('a', state('r_1'))
  devices.drop('r_1')
  t.match(await devices.find([key('a')]), { registration: { id: 'r_1' } })
})

t.test('a change of a registration drops its state under each of its keys, and no other', async (t) => {
  const { devices, put, asked } = deviceStatesUnderTest()
  put('a', state('r_1', 1))
  put('b', state('r_1', 1))
  put('c', state('r_2', 2))
  for (const hash of ['a', 'b', 'c']) await devices.find([key(hash)])
  put('a', state('r_1', 3))
  put('b', state('r_1', 3))
  devices.drop('r_1')
  t.match(await devices.find([key('a')]), { version: 3 })
  t.match(await devices.find([key('b')]), { version: 3 })
  asked.length = 0
  t.match(devices.find([key('c')]), { version: 2 })
  t.strictSame(asked, [])
})

t.test('a read that began before a change neither puts the old state back nor answers with it', async (t) => {
  const { devices, put, control } = deviceStatesUnderTest()
  put('a', state('r_1', 1))
  const slow = heldBack()
  control.hold = slow.promise
  const early = devices.find([key('a')])
  put('a', state('r_1', 2))
  devices.drop('r_1')
  const late = devices.find([key('a')])
  slow.resolve()
  t.match(await late, { version: 2 }, 'who asks after the change does not share the read from before')
  t.match(await early, { version: 2 })
  t.match(await devices.find([key('a')]), { version: 2 })
})

t.test('a read that began before the registration does not leave the key unknown', async (t) => {
  const { devices, put, control } = deviceStatesUnderTest()
  const slow = heldBack()
  control.hold = slow.promise
  const early = devices.find([key('a')])
  put('a', state('r_1'))
  devices.forgetUnknown([key('a')])
  slow.resolve()
  t.ok(await early)
  t.ok(await devices.find([key('a')]))
})

t.test('an older state never takes the place of a newer one', async (t) => {
  const { devices, put } = deviceStatesUnderTest()
  put('a', state('r_1', 5))
  put('b', state('r_1', 4))
  await devices.find([key('a')])
  t.match(await devices.find([key('b')]), { version: 5 })
  t.match(devices.find([key('a')]), { version: 5 })
})

t.test('requests that ask for the same client at the same time share one read', async (t) => {
  const { devices, put, asked } = deviceStatesUnderTest()
  put('a', state('r_1'))
  await Promise.all([devices.find([key('a')]), devices.find([key('a')]), devices.find([key('a')])])
  t.strictSame(asked, ['a'])
})

t.test('after missed notices each state is read anew', async (t) => {
  const { devices, put } = deviceStatesUnderTest()
  put('a', state('r_1', 1))
  await devices.find([key('a')])
  put('a', state('r_1', 2))
  devices.dropAll()
  t.match(await devices.find([key('a')]), { version: 2 })
  t.match(devices.find([key('a')]), { version: 2 })
})

t.test('while the record is down, what was true counts for staleFor, and nothing else does', async (t) => {
  const { devices, put, control, clock } = deviceStatesUnderTest()
  put('a', state('r_1'))
  put('b', state('r_2'))
  await devices.find([key('a')])
  await devices.find([key('b')])
  clock.monotonic += 1_000_000
  control.down = true
  devices.dropAll()
  devices.drop('r_2')
  clock.monotonic += 10_000
  clock.now += 86_400_000 // set meanwhile, here and below
  devices.dropAll()
  t.match(await devices.find([key('a')]), { registration: { id: 'r_1' } })
  await t.rejects(async () => devices.find([key('b')]), StateUnavailable, 'changed: it counts no more')
  await t.rejects(async () => devices.find([key('c')]), StateUnavailable)
  clock.monotonic += 1
  clock.now -= 2 * 86_400_000
  await t.rejects(async () => devices.find([key('a')]), StateUnavailable)
  control.down = false
  t.match(await devices.find([key('a')]), { registration: { id: 'r_1' } })
})

t.test('who asks after a registration is never told what a read found that began before it', async (t) => {
  const { devices, put, control, asked } = deviceStatesUnderTest()
  let slow = heldBack()
  control.hold = slow.promise
  const early = devices.find([key('a')])
  // The first read is repeated twice, and then answers with what it found.
  for (const reads of [2, 3]) {
    const before = slow
    slow = heldBack()
    control.hold = slow.promise
    devices.forgetUnknown([key('z')])
    before.resolve()
    await eventually(() => asked.length === reads)
  }
  put('a', state('r_1'))
  devices.forgetUnknown([key('a')])
  const late = devices.find([key('a')])
  slow.resolve()
  t.equal(await early, undefined)
  t.match(await late, { registration: { id: 'r_1' } })
})

t.test(
  'a read that began before notices were missed is repeated, and an older version then counts',
  async (t) => {
    const { devices, put, control } = deviceStatesUnderTest()
    put('a', state('r_1', 5))
    const slow = heldBack()
    control.hold = slow.promise
    const early = devices.find([key('a')])
    put('a', state('r_1', 6))
    devices.dropAll()
    slow.resolve()
    t.match(await early, { version: 6 })
    // The record was restored from a back-up.
    put('a', state('r_1', 4))
    devices.dropAll()
    t.match(await devices.find([key('a')]), { version: 4 })
  },
)

t.test('a key that has ended lets nobody in while the record is down', async (t) => {
  const { devices, put, control, clock } = deviceStatesUnderTest()
  put('a', state('r_1'), start + 1000)
  await devices.find([key('a')])
  control.down = true
  devices.dropAll()
  clock.now = start + 999
  t.match(await devices.find([key('a')]), { registration: { id: 'r_1' } })
  clock.now = start + 1000
  await t.rejects(async () => devices.find([key('a')]), StateUnavailable)
})

t.test('no more keys are hot than the limit', async (t) => {
  const { devices, put, asked } = deviceStatesUnderTest(2)
  for (const hash of ['a', 'b', 'c']) put(hash, state(`r_${hash}`))
  for (const hash of ['a', 'b', 'c']) await devices.find([key(hash)])
  asked.length = 0
  t.notOk(devices.find([key('b')]) instanceof Promise)
  await devices.find([key('a')])
  t.strictSame(asked, ['a'])
})

t.test('a device that is blocked in the record is blocked here once its change is told', async (t: Test) => {
  const store = await openSqliteStore(join(t.testdir(), 'record.db'), { now: () => start })
  t.teardown(() => store.close())
  const { registrations } = store
  const devices = createDeviceStates({
    registrations,
    hotDevices: 9,
    staleFor: () => 0,
    now: () => start,
    monotonic: () => 0,
  })
  await registrations.register(registration('r_1'), [key('a')], 10)
  t.equal((await devices.find([key('a')]))?.block, undefined)
  await registrations.block('r_1', admin)
  for (const change of await store.changes.since(0, 10)) devices.drop(change.subject)
  t.match(await devices.find([key('a')]), { block: { by: 'root' } })
})

t.test('no more memory is taken than the limit, however long what clients say', async (t) => {
  const userAgent = 'x'.repeat(10_000)
  const record = new Map(
    Array.from({ length: 100 }, (_, n): [string, FoundState] => {
      const { version, posture } = state(`r_${n}`)
      const long = registration(`r_${n}`, { device: { userAgent } })
      return [`k${n}`, { state: { version, posture, registration: long }, keyHash: `k${n}` }]
    }),
  )
  const devices = createDeviceStates({
    registrations: { findByKeys: async (hashes) => record.get(hashes[0] ?? '') },
    hotDevices: 1000,
    hotMemory: 100_000,
    staleFor: () => 0,
    now: () => start,
    monotonic: () => 0,
  })
  for (const hash of record.keys()) await devices.find([key(hash)])
  t.equal(devices.hot.keys, 9)
  t.ok(devices.hot.bytes <= 100_000)
  t.notOk(devices.find([key('k99')]) instanceof Promise, 'the last one stays')
  for (const hash of record.keys()) {
    devices.drop(`r_${hash.slice(1)}`)
    await devices.find([key(hash)])
  }
  t.equal(devices.hot.keys, 9, 'what was dropped and read again is counted once')
})

t.test('a stream of changes does not keep an unknown key from being told so', async (t) => {
  const { devices, asked, control } = deviceStatesUnderTest()
  let changes = 0
  control.hold = {
    // biome-ignore lint/suspicious/noThenProperty: each read is overtaken by a change
    then(resolve: (value: undefined) => void) {
      devices.drop(`r_${++changes}`)
      resolve(undefined)
    },
  } as unknown as Promise<void>
  t.equal(await devices.find([key('a')]), undefined)
  t.equal(asked.length, 3)
  await devices.find([key('a')])
  t.equal(asked.length, 6, 'it is not remembered as unknown')
})

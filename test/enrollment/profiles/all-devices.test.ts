import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { ProfileKeeper } from '../../../src/enrollment/profiles/keeper.ts'
import type { ProfileTally } from '../../../src/enrollment/profiles/tally.ts'
import { openSqliteStore } from '../../../src/store/sqlite.ts'
import { eventually } from '../../helpers/eventually.ts'
import { openssl, selfSigned } from '../../helpers/openssl.ts'
import { enroll } from '../../store/contract/enrollments.ts'
import { start } from '../../store/contract/values.ts'
import { organisation, profileYaml, readGood } from './support.ts'

async function keeping(t: Test, { devices, broken = () => false }: Setup) {
  const clock = { now: start + 10 }
  const now = () => clock.now
  const store = await openSqliteStore(join(t.testdir(), 'record.db'), { now })
  t.teardown(() => store.close())
  const tool = openssl(t)
  selfSigned(tool, 'signer')
  const certificate = new X509Certificate(readFileSync(join(tool.folder, 'signer.crt')))
  for (let index = 0; index < devices; index++) await enroll(store, `U${index}`)
  const errors: (string | undefined)[] = []
  const tallies: ProfileTally[] = []
  const pauses: number[] = []
  const profile = readGood(t, profileYaml(['passcode: {}']))
  let count = 0
  const enqueue: typeof store.mdmCommands.enqueue = async (command, by) => {
    if (broken(command.enrollment)) throw new Error('cannot be written')
    return store.mdmCommands.enqueue(command, by)
  }
  const keeper = new ProfileKeeper({
    ...{ organisation, pace: 10_000, check: 3_600_000, renewBefore: 0, now, profiles: () => [profile] },
    record: { ...store, mdmCommands: { ...store.mdmCommands, enqueue } },
    authority: { authority: async () => certificate, signProfile: async (plist) => plist },
    secret: () => `challenge ${++count}`,
    newUuid: () => `command-${++count}`,
    async sleep(milliseconds, signal) {
      pauses.push(milliseconds)
      await delay(5, undefined, { signal })
    },
    events: {
      onStep() {},
      onFailed() {},
      onError: (_, enrollment) => errors.push(enrollment),
      onTally: (tally) => tallies.push(tally),
    },
  })
  const stop = new AbortController()
  return {
    ...{ store, keeper, clock, errors, tallies, pauses },
    running: keeper.run(stop.signal),
    stop: () => stop.abort(),
  }
}

interface Setup {
  readonly devices: number
  readonly broken?: (enrollment: string) => boolean
}

t.test('a device that nothing can be done for keeps nobody else from their profiles', async (t) => {
  const { store, errors, running, stop } = await keeping(t, { devices: 20, broken: (id) => id === 'U11' })
  await eventually(async () => (await store.mdmCommands.list({ enrollment: 'U9', limit: 1 })).length === 1)
  stop()
  await running
  t.ok(errors.includes('U11'))
  t.strictSame([...new Set(errors)], ['U11'])
})

t.test('where nothing can be done for one after the other, it waits in between', async (t) => {
  const { pauses, errors, running, stop } = await keeping(t, { devices: 12, broken: () => true })
  await eventually(() => errors.filter((id) => id === 'U9').length > 0)
  stop()
  await running
  t.ok(pauses.filter((pause) => pause === 5000).length >= 2, 'after every five')
})

t.test('a clock that is set back by hours keeps nobody from being looked at again', async (t) => {
  const { clock, errors, pauses, running, stop } = await keeping(t, { devices: 1, broken: () => true })
  await eventually(() => errors.length > 0 && pauses.length > 20)
  const before = errors.length
  clock.now -= 6 * 3_600_000
  await eventually(() => errors.length > before)
  stop()
  await running
})

t.test(
  'how many profiles are there, on their way and refused is known without counting them again',
  async (t) => {
    const { store, keeper, tallies, running, stop } = await keeping(t, { devices: 3 })
    const row = async (id: string) => (await store.deviceProfiles.of([id]))[0]
    await eventually(() => tallies.at(-1)?.waiting === 3)
    for (const [enrollment, state] of [
      ['U0', 'acknowledged'],
      ['U1', 'error'],
    ] as const) {
      const at = start + 20
      const { uuid } = (await store.mdmCommands.next(enrollment, { fresh: true, renewalOnly: false, at }))!
      await store.mdmCommands.report({ uuid, enrollment, state, errors: [], at })
    }
    await keeper.keep((await store.enrollments.get('U0'))!)
    await keeper.keep((await store.enrollments.get('U1'))!)
    await eventually(() => tallies.at(-1)?.installed === 1)
    t.strictSame(tallies.at(-1), { installed: 1, waiting: 1, failed: 1 })
    // Somebody else writes: the next pass sees it.
    await store.deviceProfiles.forget('U2', ['com.example.mdm.profile.test'])
    keeper.profilesChanged()
    await eventually(async () => (await row('U2'))?.state === 'sent')
    await eventually(() => tallies.at(-1)?.waiting === 1)
    t.strictSame(tallies.at(-1), { installed: 1, waiting: 1, failed: 1 })
    stop()
    await running
    t.strictSame(tallies.at(-1), { installed: 0, waiting: 0, failed: 0 }, 'another process may have them now')
  },
)

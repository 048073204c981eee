import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { MdmCommand } from '../../../src/domain/mdm-command.ts'
import { ProfileKeeper } from '../../../src/enrollment/profiles/keeper.ts'
import type { Step } from '../../../src/enrollment/profiles/plan.ts'
import type { Profile } from '../../../src/enrollment/profiles/profile.ts'
import { signProfile } from '../../../src/enrollment/profiles/seal-profile.ts'
import { readPlistDict } from '../../../src/lib/plist/read.ts'
import type { Store } from '../../../src/store/ports.ts'
import { openSqliteStore } from '../../../src/store/sqlite.ts'
import { eventually } from '../../helpers/eventually.ts'
import { openssl, selfSigned } from '../../helpers/openssl.ts'
import { enroll } from '../../store/contract/enrollments.ts'
import { start } from '../../store/contract/values.ts'
import { organisation, profileYaml, readGood } from './support.ts'

async function keeperUnderTest(t: Test, first: readonly Profile[], pace = 600) {
  const clock = { now: start + 10 }
  const now = () => clock.now
  const store = await openSqliteStore(join(t.testdir(), 'record.db'), { now })
  t.teardown(() => store.close())
  const tool = openssl(t)
  selfSigned(tool, 'signer')
  const certificate = new X509Certificate(readFileSync(join(tool.folder, 'signer.crt')))
  const key = createPrivateKey(readFileSync(join(tool.folder, 'signer.key')))
  let profiles = first
  let count = 0
  const steps: (Step & { enrollment: string })[] = []
  const errors: unknown[] = []
  const keeper = new ProfileKeeper({
    ...{ record: { ...store }, organisation, pace, check: 3_600_000, renewBefore: 0, now },
    authority: {
      authority: async () => certificate,
      signProfile: async (plist) => signProfile(plist, { identity: { certificate, key }, chain: [] }, now()),
    },
    profiles: () => profiles,
    secret: () => `challenge ${++count}`,
    newUuid: () => `command-${++count}`,
    async sleep(milliseconds, signal) {
      signal.throwIfAborted()
      clock.now += milliseconds
      await new Promise((resolve) => setImmediate(resolve))
    },
    events: {
      onStep: (enrollment, step) => steps.push({ ...step, enrollment }),
      onFailed() {},
      onError: (error) => errors.push(error),
    },
  })
  return {
    ...{ clock, store, keeper, steps, errors, tool },
    keep: async (id: string) => keeper.keep((await store.enrollments.get(id))!),
    change(next: readonly Profile[]) {
      profiles = next
      keeper.profilesChanged()
    },
  }
}

/** What waits for the device, oldest first. */
async function queue(store: Store, id: string): Promise<MdmCommand[]> {
  const commands = await store.mdmCommands.list({
    enrollment: id,
    states: ['queued', 'sent', 'not-now'],
    limit: 100,
  })
  return commands.toReversed()
}

/** The device fetches what waits for it, and answers. */
async function answer(
  store: Store,
  id: string,
  at: number,
  state: 'acknowledged' | 'error' = 'acknowledged',
) {
  for (;;) {
    const command = await store.mdmCommands.next(id, { fresh: true, renewalOnly: false, at })
    if (command === undefined) return
    const errors =
      state === 'error' ? [{ domain: 'MCProfileErrorDomain', code: 1009, description: 'No' }] : []
    await store.mdmCommands.report({ uuid: command.uuid, enrollment: id, state, errors, at })
  }
}

/** A device enrolls, is given its profiles, answers, and what it answered is seen to. */
async function settle(
  { store, keep, clock }: Pick<Awaited<ReturnType<typeof keeperUnderTest>>, 'store' | 'keep' | 'clock'>,
  state: 'acknowledged' | 'error' = 'acknowledged',
) {
  await enroll(store, 'U1')
  await keep('U1')
  await answer(store, 'U1', ++clock.now, state)
  await keep('U1')
}

const passcode = (t: Test, minLength = 6) =>
  readGood(t, profileYaml([`passcode: { minLength: ${minLength} }`]))

t.test('an enrolled device gets its profiles, and gets each once', async (t) => {
  const { store, keep, clock } = await keeperUnderTest(t, [passcode(t)])
  await enroll(store, 'U1')
  t.match(await keep('U1'), [{ kind: 'install', why: 'new', identifier: 'com.example.mdm.profile.test' }])
  const [install, list] = await queue(store, 'U1')
  t.match([install?.requestType, list?.requestType], ['InstallProfile', 'ProfileList'])
  const command = readPlistDict((await store.mdmCommands.payload(install!.uuid))!)
  t.match(
    Buffer.from(command.Payload as Uint8Array).toString('latin1'),
    /com\.apple\.mobiledevice\.passwordpolicy/,
  )
  t.strictSame(await keep('U1'), [])
  clock.now += 1000
  await answer(store, 'U1', clock.now)
  t.strictSame(await keep('U1'), [])
  t.match(await store.deviceProfiles.of(['U1']), [{ state: 'done' }])
})

t.test(
  'a changed profile takes the place of the one before, and one that is taken away is removed',
  async (t) => {
    const { store, keep, clock, change } = await keeperUnderTest(t, [passcode(t)])
    await settle({ store, keep, clock })
    change([passcode(t, 7)])
    await keep('U1')
    change([passcode(t, 8)])
    t.match(await keep('U1'), [{ kind: 'install', why: 'changed' }])
    const installs = (await queue(store, 'U1')).filter(({ requestType }) => requestType === 'InstallProfile')
    t.equal(installs.length, 1, 'the one before, that it has not fetched, is called back')
    await answer(store, 'U1', ++clock.now)
    change([])
    t.match(await keep('U1'), [{ kind: 'remove' }])
    t.match(
      (await queue(store, 'U1')).map(({ requestType }) => requestType),
      ['RemoveProfile'],
    )
    await answer(store, 'U1', ++clock.now)
    await keep('U1')
    t.strictSame(await store.deviceProfiles.of(['U1']), [])
  },
)

t.test('a profile that the device has lost is sent again', async (t) => {
  const { store, keep, clock } = await keeperUnderTest(t, [passcode(t)])
  await settle({ store, keep, clock })
  clock.now += 10
  await store.enrollments.putInventory('U1', { part: 'profiles', values: { list: [] }, at: clock.now })
  t.match(await keep('U1'), [{ kind: 'install', why: 'drift' }])
})

t.test(
  'a list of profiles is believed in either spelling, and no profile of others is touched',
  async (t) => {
    const { store, keep, clock } = await keeperUnderTest(t, [passcode(t)])
    await settle({ store, keep, clock })
    const [row] = await store.deviceProfiles.of(['U1'])
    const list = [
      { PayloadIdentifier: row?.identifier ?? '', PayloadUUID: row?.revision.toLowerCase() ?? '' },
      { PayloadIdentifier: 'com.example.mdm.enrollment', PayloadUUID: 'A' },
      { PayloadIdentifier: 'org.example.school', PayloadUUID: 'B' },
    ]
    clock.now += 10
    await store.enrollments.putInventory('U1', { part: 'profiles', values: { list }, at: clock.now })
    t.strictSame(await keep('U1'), [])
  },
)

t.test('a device is asked again which profiles it has, when its last list has got old', async (t) => {
  const { store, keep, clock } = await keeperUnderTest(t, [])
  await enroll(store, 'U1')
  await keep('U1')
  await answer(store, 'U1', ++clock.now)
  await store.enrollments.putInventory('U1', { part: 'profiles', values: { list: [] }, at: clock.now })
  clock.now += 3_599_999
  await keep('U1')
  t.strictSame(await queue(store, 'U1'), [])
  clock.now += 1
  await keep('U1')
  t.match(await queue(store, 'U1'), [{ requestType: 'ProfileList' }])
})

t.test('a profile becomes required, or required no longer, without being sent again', async (t) => {
  const { store, keep, clock, change } = await keeperUnderTest(t, [passcode(t)])
  await enroll(store, 'U1')
  await keep('U1')
  await answer(store, 'U1', ++clock.now)
  const is = async (required: boolean) => {
    change([readGood(t, profileYaml(['passcode: { minLength: 6 }'], [`required: ${required}`]))])
    t.strictSame(await keep('U1'), [])
    t.match(await store.deviceProfiles.of(['U1']), [{ state: 'done', required }])
  }
  await is(true)
  await is(false)
})

t.test('a device that has left is set up no more', async (t) => {
  const { store, keeper, steps, clock } = await keeperUnderTest(t, [passcode(t)])
  for (const id of ['U1', 'U2']) await enroll(store, id)
  await store.enrollments.end('U1', 'gone', { name: 'admin', why: 'lost', at: clock.now })
  const stop = new AbortController()
  const running = keeper.run(stop.signal)
  await eventually(() => steps.length > 0)
  keeper.profilesChanged()
  await eventually(() => clock.now > start + 30_000)
  stop.abort()
  await running
  t.match(steps, [{ enrollment: 'U2' }])
  t.strictSame(await store.deviceProfiles.of(['U1']), [])
})

t.test('what only the clock brings about happens without anybody’s doing anything', async (t) => {
  const { store, keeper, keep, steps, clock } = await keeperUnderTest(t, [passcode(t)])
  await settle({ store, keep, clock }, 'error')
  const began = clock.now
  const stop = new AbortController()
  const running = keeper.run(stop.signal)
  await eventually(() => steps.some((step) => step.kind === 'install' && step.why === 'retry'))
  stop.abort()
  await running
  t.ok(clock.now - began >= 3_600_000)
})

t.test('a device that is enrolled anew gets everything anew', async (t) => {
  const { store, keep, clock } = await keeperUnderTest(t, [passcode(t)])
  await settle({ store, keep, clock })
  const [row] = await store.deviceProfiles.of(['U1'])
  const list = [{ PayloadIdentifier: row?.identifier ?? '', PayloadUUID: row?.revision ?? '' }]
  await store.enrollments.putInventory('U1', { part: 'profiles', values: { list }, at: clock.now })
  clock.now += 1000
  await enroll(store, 'U1', { at: clock.now, identity: { certificate: 'another', publicKey: 'another key' } })
  t.match(await keep('U1'), [{ kind: 'install', why: 'new' }], 'whatever it said before')
})

t.test('what the device refuses is kept with its words, and tried again an hour later', async (t) => {
  const { store, keep, clock, change } = await keeperUnderTest(t, [passcode(t)])
  await enroll(store, 'U1')
  await keep('U1')
  await answer(store, 'U1', ++clock.now, 'error')
  t.strictSame(await keep('U1'), [])
  t.match(await store.deviceProfiles.of(['U1']), [
    { state: 'failed', error: 'No (MCProfileErrorDomain 1009)', attempts: 1 },
  ])
  clock.now += 3_600_001
  t.match(await keep('U1'), [{ why: 'retry' }])
  const refused = async (): Promise<number> => {
    await answer(store, 'U1', ++clock.now, 'error')
    await keep('U1')
    return ((await store.deviceProfiles.of(['U1']))[0]?.dueAt ?? 0) - clock.now
  }
  t.equal(await refused(), 4 * 3_600_000, 'then after four')
  change([passcode(t, 8)])
  t.match(await keep('U1'), [{ why: 'changed' }])
  t.equal(await refused(), 3_600_000, 'another revision begins anew')
})

t.test('only what waited while the identity was renewed is sent again at once', async (t) => {
  const { store, keep, clock } = await keeperUnderTest(t, [passcode(t)])
  await enroll(store, 'U1')
  let at = clock.now - 1
  const ofEnrollment = async () => [{ revoked: { at, reason: 'superseded' } }]
  Object.assign(store.certificates, { ofEnrollment })
  await keep('U1')
  await answer(store, 'U1', ++clock.now, 'error')
  t.strictSame(await keep('U1'), [], 'a renewal of before has nothing to do with it')
  clock.now += 3_600_001
  await keep('U1')
  at = clock.now
  await answer(store, 'U1', ++clock.now, 'error')
  t.match(await keep('U1'), [{ kind: 'install', why: 'new' }])
})

t.test('a certificate for a device comes with a challenge of its own, known by its hash alone', async (t) => {
  const { store, keep } = await keeperUnderTest(t, [readGood(t, profileYaml(['scep: {}']))])
  await enroll(store, 'U1')
  await keep('U1')
  const [install] = await queue(store, 'U1')
  const command = readPlistDict((await store.mdmCommands.payload(install!.uuid))!)
  const text = Buffer.from(command.Payload as Uint8Array).toString('latin1')
  const challenge = /<string>(challenge \d+)<\/string>/.exec(text)?.[1]
  t.ok(challenge)
  const { sha256 } = await import('../../../src/lib/hash.ts')
  t.match(await store.scepChallenges.find(sha256(challenge!)), { enrollment: 'U1', user: 'ann' })
  t.match(text, /<string>CN<\/string>\s*<string>U1<\/string>/)
  t.ok(install?.expiresAt)
})

t.test('a profile that cannot be made for somebody is told of once, and hurts nobody else', async (t) => {
  const mail = readGood(
    t,
    profileYaml(['exchange: { host: h, email: "%email%" }']).replace('name: test', 'name: mail'),
  )
  const secret = readGood(
    t,
    profileYaml([
      'imap: { incomingHost: i, outgoingHost: o, incomingPassword: { env: MAIL_PASSWORD } }',
    ]).replace('name: test', 'name: imap'),
  )
  const { store, keep } = await keeperUnderTest(t, [mail, secret, passcode(t)])
  await enroll(store, 'U1')
  await keep('U1')
  await keep('U1')
  t.match(await store.deviceProfiles.of(['U1']), [
    {
      identifier: /imap/,
      state: 'failed',
      error: /certificate of the device is not in the record/,
      attempts: 1,
    },
    { identifier: /mail/, state: 'failed', error: /%email% has no value here/, attempts: 1 },
    { identifier: /test/, state: 'sent' },
  ])
})

t.test('a change for very many goes out at the pace, and all get it', async (t) => {
  const { store, keeper, clock, steps, errors } = await keeperUnderTest(t, [passcode(t)], 60)
  for (let index = 0; index < 150; index++) await enroll(store, `U${index}`)
  const began = clock.now
  const stop = new AbortController()
  const running = keeper.run(stop.signal)
  await eventually(() => new Set(steps.map(({ enrollment }) => enrollment)).size === 150)
  stop.abort()
  await running
  t.equal(steps.length, 150, 'each once')
  t.ok(
    clock.now - began > 3 * 60_000,
    `${clock.now - began} ms for 150 profiles and 150 questions, 60 a minute`,
  )
  t.strictSame(errors, [])
})

t.test('the keeper finds new devices by the record’s own notices', async (t) => {
  const { store, keeper, steps } = await keeperUnderTest(t, [passcode(t)])
  const stop = new AbortController()
  const running = keeper.run(stop.signal)
  await enroll(store, 'U1')
  await eventually(() => steps.length === 1)
  stop.abort()
  await running
})

t.test('an identity on an elliptic curve cannot be encrypted to, which is told', async (t) => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  t.equal(publicKey.asymmetricKeyType, 'ec')
  const secret = readGood(
    t,
    profileYaml(['imap: { incomingHost: i, outgoingHost: o, incomingPassword: { env: MAIL_PASSWORD } }']),
  )
  const { store, keep, tool } = await keeperUnderTest(t, [secret])
  selfSigned(tool, 'ec', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256')
  const { raw } = new X509Certificate(readFileSync(join(tool.folder, 'ec.crt')))
  const byFingerprint = async () => ({ certificate: raw.toString('base64') })
  Object.assign(store.certificates, { byFingerprint })
  await enroll(store, 'U1')
  await keep('U1')
  t.match(await store.deviceProfiles.of(['U1']), [{ state: 'failed', error: /Only RSA keys/ }])
})

t.test('a device that was not asked for the right gets no profile, and it is said why', async (t) => {
  const { store, keep, keeper } = await keeperUnderTest(t, [passcode(t)])
  await enroll(store, 'U1')
  const known = (await store.enrollments.get('U1'))!
  await keeper.keep({ ...known, accessRights: 16 })
  t.strictSame(await queue(store, 'U1'), [], 'nor is it asked which it has')
  t.match(await store.deviceProfiles.of(['U1']), [{ state: 'failed', error: /install-profiles/ }])
  await keep('U1')
  t.ok((await queue(store, 'U1')).length > 0, 'where it is not known, it is tried')
})

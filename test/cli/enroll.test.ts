import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readPlistDict } from '../../src/lib/plist/read.ts'
import { writePlist } from '../../src/lib/plist/write.ts'
import { enroll, tokenUpdate } from '../store/contract/enrollments.ts'
import { key, registration } from '../store/contract/values.ts'
import { installation, json } from './support.ts'

async function withPhone(t: Test) {
  const one = installation(t)
  const store = await one.openStore()
  const device = { udid: 'U1', serial: 'F2LX0001', platform: 'ios', osVersion: '18.1' } as const
  await enroll(store, 'U1', { ids: { udid: 'U1', serial: 'F2LX0001' }, device })
  return { ...one, store }
}

t.test('enrolled devices are listed, and shown with what was done to them', async (t) => {
  const { here, store } = await withPhone(t)
  await enroll(store, 'U2', { user: 'bob' })
  t.match((await here('enroll', 'list')).stdout, /^U1 +F2LX0001 +ann +- +18\.1 +enrolled +20/m)
  t.match(json(await here('enroll', 'list', '--user', 'Bob', '--json')), {
    enrollments: [{ id: 'U2', state: 'enrolled' }],
    counts: { enrolled: 2 },
  })
  t.match((await here('enroll', 'list', '--limit', '1')).stdout, /add --after U1$/m)
  t.match(await here('enroll', 'list', '--state', 'lost'), { code: 2 })
  await here('device', 'command', 'f2lx-0001', 'ProfileList', '--why', 'a look')
  const shown = await here('enroll', 'show', 'F2LX0001')
  t.match(shown.stdout, /ProfileList +queued/)
  t.match(shown.stdout, /tester queued a command for U1: a look/)
  t.notMatch(shown.stdout, 'magic')
  t.match(await here('enroll', 'show', 'U9'), { code: 1, stderr: /There is no enrollment U9/ })
})

t.test('a command is queued with its keys, and with who wants it and why', async (t) => {
  const { here, store, folder } = await withPhone(t)
  const file = join(folder, 'wifi.mobileconfig')
  writeFileSync(file, 'profile')
  const ask = (...more: string[]) => here('device', 'command', 'U1', ...more, '--why', 'test', '--json')
  const lock = json(await ask('DeviceLock', '--set', 'Message=Call us: 1=2', '--set', 'PIN=012345'))
  t.match(lock, { command: { requestType: 'DeviceLock', enrollment: 'U1' } })
  const payload = async (uuid: string) =>
    readPlistDict((await store.mdmCommands.payload(uuid)) ?? Buffer.alloc(0))
  t.strictSame(await payload(lock.command.uuid), {
    ...{ RequestType: 'DeviceLock', Message: 'Call us: 1=2', PIN: '012345' },
  })
  const install = json(await ask('InstallProfile', '--set', `Payload=@${file}`))
  t.strictSame((await payload(install.command.uuid)).Payload, Buffer.from('profile'))
  const apps = json(
    await ask(
      ...['InstalledApplicationList', '--set', 'Identifiers=a.b', '--set', 'Identifiers=c.d'],
      ...['--set', 'ManagedAppsOnly=true', '--expires', '2d'],
    ),
  )
  t.strictSame(await payload(apps.command.uuid), {
    ...{ RequestType: 'InstalledApplicationList', Identifiers: ['a.b', 'c.d'], ManagedAppsOnly: true },
  })
  t.ok((await store.mdmCommands.get(apps.command.uuid))?.expiresAt)
  t.match((await payload(json(await ask('DeviceInformation')).command.uuid)).Queries, ['UDID'])
  const raw = join(folder, 'raw.plist')
  writeFileSync(raw, writePlist({ RequestType: 'UserList' }))
  t.match(json(await ask('--plist', raw)), { command: { requestType: 'UserList' } })
  t.match(await store.audit.list({ subject: 'U1', limit: 1 }), [
    { action: 'command.queued', actor: 'tester', why: 'test', details: { requestType: 'UserList' } },
  ])
})

t.test('a remote wipe is asked for twice, and waits once', async (t) => {
  const { here, store, folder } = await withPhone(t)
  const wipe = (...more: string[]) =>
    here('device', 'command', 'F2LX0001', 'EraseDevice', '--why', 'stolen', ...more)
  t.match(await wipe(), {
    code: 1,
    stderr: /cannot be taken back: give the serial number of the device \(F2LX0001\)/,
  })
  for (const wrong of ['F2LX0002', 'U1']) t.match(await wipe('--serial', wrong), { code: 1 }, wrong)
  const raw = join(folder, 'wipe.plist')
  writeFileSync(raw, writePlist({ RequestType: 'EraseDevice' }))
  const written = await here('device', 'command', 'U1', '--plist', raw, '--why', 'stolen')
  t.match(written, { code: 1, stderr: /cannot be taken back/ }, 'as a property list, too')
  t.strictSame(await store.mdmCommands.list({ enrollment: 'U1', limit: 9 }), [])
  t.match(await wipe('--serial', 'F2LX0001'), { code: 0, stdout: /EraseDevice is queued for U1/ })
  t.match(await wipe('--serial', 'F2LX0001'), { code: 1, stderr: /EraseDevice waits for U1 already/ })
})

t.test('what the device would refuse is not sent, and mistakes are told in words', async (t) => {
  const { here, store, folder } = await withPhone(t)
  const file = join(folder, 'odd.plist')
  writeFileSync(file, writePlist(['x']))
  const nameless = join(folder, 'nameless.plist')
  writeFileSync(nameless, writePlist({ RequestType: 'Erase Device\n' }))
  await store.enrollments.putInventory('U1', {
    ...{ part: 'device-information', values: { IsSupervised: false }, at: 1 },
  })
  const wrong: readonly (readonly [readonly string[], 1 | 2, RegExp])[] = [
    [['Explode'], 2, /There is no command Explode/],
    [[], 2, /COMMAND or --plist is expected/],
    [['DeviceLock', '--plist', 'x'], 2, /one of the two/],
    [
      ['DeviceLock', '--set', 'Colour=red'],
      2,
      /DeviceLock has no Colour. It takes Message, PhoneNumber, PIN/,
    ],
    [['DeviceLock', '--set', 'PIN=12'], 1, /PIN of DeviceLock does not have the right form/],
    [['DeviceLock', '--set', 'Message'], 2, /KEY=VALUE/],
    [['RemoveProfile'], 1, /RemoveProfile needs Identifier/],
    [['InstallProfile', '--set', 'Payload=text'], 2, /Payload=@PATH/],
    [['InstallProfile', '--set', 'Payload=@/nowhere'], 1, /nowhere cannot be read/],
    [['ProfileList', '--set', 'ManagedOnly=1'], 2, /true or false/],
    [['InstallApplication', '--set', 'iTunesStoreID=x'], 2, /an integer/],
    [['InstallApplication'], 1, /exactly one of/],
    [['InstallApplication', '--set', 'Identifier=a', '--set', 'ManagementFlags=2'], 1, /one of 0, 1, 4, 5/],
    [['InstallApplication', '--set', 'Identifier=a', '--set', 'iTunesStoreID=1'], 1, /exactly one of/],
    [['RestartDevice'], 1, /supervised devices only/],
    [['ClearPasscode'], 1, /unlock token, and this device has given none/],
    [['--plist', file], 1, /not a dictionary/],
    [['--plist', nameless], 1, /no RequestType/],
  ]
  for (const [words, code, stderr] of wrong)
    t.match(await here('device', 'command', 'U1', ...words, '--why', 'x'), { code, stderr }, words.join(' '))
  t.match(await here('device', 'command', 'U1', 'ProfileList'), { code: 2, stderr: /--why is missing/ })
  t.strictSame(await store.mdmCommands.list({ enrollment: 'U1', limit: 9 }), [])
  await store.enrollments.takeToken(tokenUpdate('U1', { unlockToken: Buffer.from('unlock') }))
  t.match(await here('device', 'command', 'U1', 'ClearPasscode', '--why', 'x'), { code: 0 })
})

t.test('a removed device loses all trust at once, reachable or not', async (t) => {
  const { here, store } = await withPhone(t)
  await store.registrations.register(registration('r_1', { deviceIds: { udid: 'U1' } }), [key('a')], 10)
  t.match(await here('enroll', 'remove', 'U1'), { code: 2, stderr: /--why is missing/ })
  const removed = await here('enroll', 'remove', 'U1', '--why', 'Ann has left')
  t.match(removed, { code: 0, stdout: /0 certificates revoked, 1 registration blocked/ })
  t.match(await store.registrations.get('r_1'), {
    block: { by: 'tester', why: 'the enrollment of its device ended: Ann has left' },
  })
  t.match((await here('enroll', 'show', 'U1')).stdout, /^ended +by tester at .*: Ann has left$/m)
  t.match((await here('enroll', 'remove', 'U1', '--why', 'again')).stdout, /removed already: it is leaving/)
  t.match(await here('device', 'command', 'U1', 'ProfileList', '--why', 'x'), {
    code: 1,
    stderr: /U1 is not enrolled any more/,
  })
})

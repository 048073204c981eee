import t from 'tap'
import { writePlist } from '../../../src/lib/plist/write.ts'
import { enqueue, mdmUnderTest, start, token } from './support.ts'

const list = { RequestType: 'ProfileList' } as const

t.test('a device is given its commands in order, one after each report', async (t) => {
  const { store, device } = await mdmUnderTest(t)
  const phone = await device('U1')
  await phone.enroll()
  t.equal((await phone.report('Idle')).body.length, 0)
  await enqueue(store, 'U1', list, 'c1')
  await enqueue(store, 'U1', { RequestType: 'InstallProfile', Payload: Buffer.from('bytes') }, 'c2')
  const first = await phone.report('Idle')
  t.strictSame(first.command, { uuid: 'c1', dict: { RequestType: 'ProfileList' } })
  t.match(first.type, /^application\/xml/)
  const profile = {
    PayloadIdentifier: 'com.example.wifi',
    PayloadUUID: 'X',
    SignerCertificates: [Buffer.from([1])],
  }
  const second = await phone.report('Acknowledged', { CommandUUID: 'c1', ProfileList: [profile, 'odd'] })
  t.strictSame(second.command, {
    uuid: 'c2',
    dict: { RequestType: 'InstallProfile', Payload: Buffer.from('bytes') },
  })
  t.strictSame((await store.enrollments.inventory('U1')).profiles, {
    at: start,
    values: { list: [{ ...profile, SignerCertificates: ['AQ=='] }] },
  })
  const ErrorChain = [
    { ErrorCode: 4001, ErrorDomain: 'MCInstallationErrorDomain', LocalizedDescription: 'failed' },
    { ErrorCode: 1009, ErrorDomain: 'MCProfileErrorDomain', USEnglishDescription: 'cause' },
    'odd',
  ]
  t.equal((await phone.report('Error', { CommandUUID: 'c2', ErrorChain })).body.length, 0)
  t.match(await store.mdmCommands.get('c2'), {
    state: /^error$/,
    errors: [
      { domain: 'MCInstallationErrorDomain', code: 4001, description: 'failed' },
      { domain: 'MCProfileErrorDomain', code: 1009, description: 'cause' },
    ],
  })
  t.match(String(await store.mdmCommands.result('c2')), /4001/)
})

t.test(
  'reports that come twice or too late, or are another device’s, change nothing and lose nothing',
  async (t) => {
    const { store, device, notes } = await mdmUnderTest(t)
    const [phone, other] = [await device('U1'), await device('U2')]
    await phone.enroll()
    await other.enroll()
    for (const uuid of ['c1', 'c2', 'c3']) await enqueue(store, 'U1', list, uuid)
    await phone.report('Idle')
    t.match((await phone.report('Acknowledged', { CommandUUID: 'c1', ProfileList: [] })).command, {
      uuid: 'c2',
    })
    t.match((await phone.report('Error', { CommandUUID: 'c1' })).command, { uuid: 'c2' })
    t.match(await store.mdmCommands.get('c1'), { state: 'acknowledged' })
    t.equal((await other.report('Acknowledged', { CommandUUID: 'c2' })).body.length, 0)
    t.match(await store.mdmCommands.get('c2'), { state: 'sent' })
    t.equal(notes.at(-1)?.problem, 'report.unexpected')
    t.match((await phone.report('Idle')).command, { uuid: 'c2' }, 'the same UUID again')
    t.match((await phone.report('Acknowledged')).command, { uuid: 'c2' }, 'a report without a command')
  },
)

t.test('NotNow: offered again when the device comes anew, and never in the same session', async (t) => {
  const { store, device, clock } = await mdmUnderTest(t)
  const phone = await device('U1')
  await phone.enroll()
  for (const uuid of ['c1', 'c2']) await enqueue(store, 'U1', list, uuid)
  await phone.report('Idle')
  t.equal(await store.pushOutbox.get('U1'), undefined, 'it has come')
  t.match((await phone.report('NotNow', { CommandUUID: 'c1' })).command, { uuid: 'c2' })
  t.equal((await phone.report('Acknowledged', { CommandUUID: 'c2' })).body.length, 0, 'not c1 again')
  const minutes = 60_000
  t.match(await store.pushOutbox.get('U1'), { dueAt: start + 15 * minutes }, 'it will be called for c1')
  clock.now += minutes
  t.match((await phone.report('Idle')).command, { uuid: 'c1' })
  t.equal((await phone.report('NotNow', { CommandUUID: 'c1' })).body.length, 0)
  t.equal(await store.pushOutbox.get('U1'), undefined, 'NotNow was last: it comes by itself')
  t.match(await store.mdmCommands.get('c1'), { state: 'not-now', notBefore: start + 31 * minutes })
  t.match((await phone.report('Idle')).command, { uuid: 'c1' })
  t.equal((await phone.report('Acknowledged', { CommandUUID: 'c1' })).body.length, 0)
})

t.test('a report that cannot be read does not stand in the way of what follows', async (t) => {
  const { store, device, notes } = await mdmUnderTest(t)
  const phone = await device('U1')
  await phone.enroll()
  for (const uuid of ['c1', 'c2', 'c3']) await enqueue(store, 'U1', list, uuid)
  await phone.report('Idle')
  const text = String(writePlist({ UDID: 'U1', Status: 'Acknowledged', CommandUUID: 'c1', X: 1 }))
  const broken = Buffer.from(text.replace('<integer>1<', '<integer>one<'))
  const reply = await phone.send(broken)
  t.match(reply.command, { uuid: 'c2' })
  t.equal(notes.at(-1)?.problem, 'report.malformed')
  t.match(await store.mdmCommands.get('c1'), {
    state: 'acknowledged',
    errors: [{ domain: 'gatehouse', description: 'the report could not be read' }],
  })
  const odd = await phone.report('Acknowledged', { CommandUUID: 'c2', ProfileList: 'not a list' })
  t.match(odd.command, { uuid: 'c3' })
  t.equal(notes.at(-1)?.problem, 'report.without-answer')
  t.strictSame(await store.enrollments.inventory('U1'), {})
  const doubled = Buffer.from(
    text.replace('<integer>1<', '<integer>one</integer><key>UDID</key><string>U2</string><integer>1<'),
  )
  t.equal((await phone.send(doubled)).status, 400, 'whose it is must be beyond doubt')
  t.equal((await phone.send(broken, { signature: null })).status, 400)
})

t.test('a command that we got wrong is our alarm; an unknown status is an error', async (t) => {
  const { store, device, notes } = await mdmUnderTest(t)
  const phone = await device('U1')
  await phone.enroll()
  for (const uuid of ['c1', 'c2']) await enqueue(store, 'U1', list, uuid)
  await phone.report('Idle')
  t.match((await phone.report('CommandFormatError', { CommandUUID: 'c1' })).command, { uuid: 'c2' })
  t.match(notes.at(-1), { problem: 'command.format-error', enrollment: 'U1' })
  t.match(await store.mdmCommands.get('c1'), { state: 'format-error' })
  t.equal((await phone.report('Later', { CommandUUID: 'c2' })).body.length, 0)
  t.match(await store.mdmCommands.get('c2'), { state: /^error$/, errors: [{ description: 'status Later' }] })
})

t.test('a setting that failed is seen although the command did not fail', async (t) => {
  const { store, device } = await mdmUnderTest(t)
  const phone = await device('U1')
  await phone.enroll()
  const settings = { RequestType: 'Settings', Settings: [{ Item: 'DeviceName', DeviceName: 'x' }] } as const
  for (const uuid of ['c1', 'c2']) await enqueue(store, 'U1', settings, uuid)
  const failed = { Status: 'Error', ErrorChain: [{ ErrorCode: 28000, ErrorDomain: 'MCSettingsErrorDomain' }] }
  await phone.report('Idle')
  await phone.report('Acknowledged', { CommandUUID: 'c1', Settings: [{ Status: 'Acknowledged' }, failed] })
  await phone.report('Acknowledged', { CommandUUID: 'c2', Settings: failed })
  for (const uuid of ['c1', 'c2'])
    t.match(await store.mdmCommands.get(uuid), {
      state: 'acknowledged',
      errors: [{ domain: 'MCSettingsErrorDomain', code: 28000 }],
    })
})

t.test('removing a profile that is not there has succeeded', async (t) => {
  const { store, device } = await mdmUnderTest(t)
  const phone = await device('U1')
  await phone.enroll()
  await enqueue(store, 'U1', { RequestType: 'RemoveProfile', Identifier: 'x' }, 'c1')
  await phone.report('Idle')
  const ErrorChain = [{ ErrorCode: 12075, ErrorDomain: 'MCMDMErrorDomain' }]
  await phone.report('Error', { CommandUUID: 'c1', ErrorChain })
  t.match(await store.mdmCommands.get('c1'), { state: 'acknowledged', errors: [{ code: 12075 }] })
})

t.test('the unlock token goes in when the command goes out: the newest one', async (t) => {
  const { store, device } = await mdmUnderTest(t)
  const phone = await device('U1')
  await phone.enroll()
  await enqueue(store, 'U1', { RequestType: 'ClearPasscode' }, 'c1')
  await enqueue(store, 'U1', list, 'c2')
  t.match((await phone.report('Idle')).command, { uuid: 'c2' }, 'none was given')
  t.match(await store.mdmCommands.get('c1'), {
    state: /^error$/,
    errors: [{ description: 'the device has given no unlock token' }],
  })
  await phone.report('Acknowledged', { CommandUUID: 'c2' })
  await phone.checkIn('TokenUpdate', token({ UnlockToken: Buffer.from('old') }))
  await enqueue(store, 'U1', { RequestType: 'ClearPasscode' }, 'c3')
  await phone.checkIn('TokenUpdate', token({ UnlockToken: Buffer.from('new') }))
  t.strictSame((await phone.report('Idle')).command?.dict, {
    RequestType: 'ClearPasscode',
    UnlockToken: Buffer.from('new'),
  })
})

t.test('what a device says of itself is in the record, and how it is found', async (t) => {
  const { store, device } = await mdmUnderTest(t)
  const phone = await device('U1')
  await phone.enroll()
  await enqueue(store, 'U1', { RequestType: 'DeviceInformation', Queries: ['UDID'] }, 'c1')
  await enqueue(store, 'U1', { RequestType: 'SecurityInfo' }, 'c2')
  await phone.report('Idle')
  await phone.report('Acknowledged', {
    CommandUUID: 'c1',
    QueryResponses: {
      ...{ SerialNumber: 'NEW1', EASDeviceIdentifier: 'APPL123', DeviceName: 'Ann’s', OSVersion: '18.2' },
      ServiceSubscriptions: [{ IMEI: '35 209900 176148 1' }, { IMEI: '' }, { IMEI: '35 209900 176149 9' }],
      ...{ IsSupervised: false, ModelName: 7 },
    },
  })
  await phone.report('Acknowledged', { CommandUUID: 'c2', SecurityInfo: { PasscodePresent: true } })
  t.match(await store.enrollments.get('U1'), {
    ids: { serial: 'NEW1', easDeviceId: ['appl123'], imei: ['35209900176148', '35209900176149'] },
    device: { name: 'Ann’s', osVersion: '18.2', serial: 'NEW1', productName: 'iPhone15,2' },
  })
  t.match(await store.enrollments.inventory('U1'), {
    'device-information': { values: { IsSupervised: false, ModelName: 7 } },
    'security-info': { values: { PasscodePresent: true } },
  })
})

t.test('two polls of one device at the same moment: one command, one UUID', async (t) => {
  const { store, device } = await mdmUnderTest(t)
  const phone = await device('U1')
  await phone.enroll()
  for (const uuid of ['c1', 'c2']) await enqueue(store, 'U1', list, uuid)
  const replies = await Promise.all([phone.report('Idle'), phone.report('Idle')])
  t.strictSame(
    replies.map(({ command }) => command?.uuid),
    ['c1', 'c1'],
  )
})

t.test('what others do on a report keeps no device waiting and breaks nothing', async (t) => {
  const reported: string[] = []
  const failures: unknown[] = []
  const { store, device } = await mdmUnderTest(t, {
    events: {
      async enrolled() {
        throw new Error('no')
      },
      async reported(command, report) {
        reported.push(`${command.uuid} ${command.state} ${report?.Status}`)
        throw new Error('no')
      },
      failed: (error) => failures.push(error),
    },
  })
  const phone = await device('U1')
  await phone.enroll()
  await enqueue(store, 'U1', list, 'c1')
  await phone.report('Idle')
  t.equal((await phone.report('Acknowledged', { CommandUUID: 'c1', ProfileList: [] })).status, 200)
  t.strictSame(reported, ['c1 acknowledged Acknowledged'])
  t.equal(failures.length, 2)
})

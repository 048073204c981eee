import t from 'tap'
import { writePlist } from '../../../src/lib/plist/write.ts'
import { enqueue, mdmUnderTest, start, token } from './support.ts'

const by = { name: 'root', why: 'test', at: start }

t.test(
  'a device has so many people’s channels, and a device that names ever new ones is refused',
  async (t) => {
    const { store, device, notes } = await mdmUnderTest(t)
    const mac = await device('MAC-1')
    await mac.enroll({ ProductName: 'Mac14,7' })
    const open = (user: string) =>
      store.enrollments.takeToken({
        ...{ id: `MAC-1:${user}`, channel: { kind: 'user', parent: 'MAC-1', user } },
        ...{ token: Buffer.alloc(32), magic: 'm', topic: 'com.apple.mgmt.External.0000' },
        ...{ awaitingConfiguration: false, at: start },
      })
    const answers = new Set<string>()
    for (let user = 0; user < 200; user++) answers.add(await open(`user-${user}`))
    t.strictSame(answers, new Set(['enrolled']))
    const one = { UserID: 'one-more', UserShortName: 'eve' }
    t.equal((await mac.checkIn('TokenUpdate', token(one))).status, 403)
    t.match(notes.at(-1), { problem: 'channels.full', enrollment: 'MAC-1:one-more' })
    t.equal(await store.enrollments.get('MAC-1:one-more'), undefined)
    const known = { UserID: 'user-7', UserShortName: 'bob' }
    t.equal((await mac.checkIn('TokenUpdate', token(known))).status, 200, 'those that are there stay')
    await store.enrollments.end('MAC-1:user-7', 'gone', by)
    t.equal((await mac.checkIn('TokenUpdate', token(one))).status, 200, 'where one has gone, one comes')
    t.equal((await mac.checkIn('TokenUpdate', token())).status, 200, 'the device itself is none of them')
  },
)

t.test('nor does it get more by ending channels again and again', async (t) => {
  const { store, device } = await mdmUnderTest(t)
  await (await device('MAC-1')).enroll()
  const open = (user: string) =>
    store.enrollments.takeToken({
      ...{ id: `MAC-1:${user}`, channel: { kind: 'user', parent: 'MAC-1', user } },
      ...{ token: Buffer.alloc(32), magic: 'm', topic: 'com.apple.mgmt.External.0000' },
      ...{ awaitingConfiguration: false, at: start },
    })
  for (let user = 0; user < 1000; user++) {
    await open(`user-${user}`)
    await store.enrollments.end(`MAC-1:user-${user}`, 'gone', by)
  }
  t.equal(await open('one-more'), 'full')
  t.equal(await open('user-1'), 'enrolled', 'who was here comes back')
})

t.test('of what a device tells, so much is kept; what was known before stays', async (t) => {
  const { store, device, notes } = await mdmUnderTest(t)
  const phone = await device('U1')
  await phone.enroll()
  const answer = async (uuid: string, values: Record<string, string>) => {
    await enqueue(store, 'U1', { RequestType: 'DeviceInformation', Queries: ['DeviceName'] }, uuid)
    await phone.report('Idle')
    await phone.report('Acknowledged', { CommandUUID: uuid, QueryResponses: values })
    return notes.at(-1)?.problem
  }
  t.equal(await answer('C1', { DeviceName: 'n'.repeat(1000) }), undefined)
  t.equal((await store.enrollments.get('U1'))?.device.name?.length, 256)
  t.equal(await answer('C2', { DeviceName: 'x'.repeat(70_000) }), 'report.too-large')
  t.match((await store.enrollments.get('U1'))?.device.name, /^n/)
  const { 'device-information': known } = await store.enrollments.inventory('U1')
  t.match(known?.values.DeviceName, /^n{1000}$/)
  t.equal((await store.mdmCommands.get('C2'))?.state, 'acknowledged', 'the queue goes on')
})

t.test('bootstrap tokens and messages have their largest size', async (t) => {
  const { store, device } = await mdmUnderTest(t)
  const phone = await device('U1')
  await phone.enroll()
  const set = (bytes: number) =>
    phone.checkIn('SetBootstrapToken', { BootstrapToken: Buffer.alloc(bytes, 1) })
  t.equal((await set(64 * 1024)).status, 200)
  t.equal((await set(64 * 1024 + 1)).status, 400)
  t.equal((await store.enrollments.secrets('U1')).bootstrapToken?.length, 64 * 1024)
  const status = (bytes: number) => {
    const message = { MessageType: 'DeclarativeManagement', UDID: 'U1', Endpoint: 'status' }
    const type = 'application/x-apple-aspen-mdm-checkin'
    return phone.send(writePlist({ ...message, Data: Buffer.alloc(bytes) }), { type })
  }
  t.equal((await status(100_000)).status, 200, 'which is not kept')
  t.equal((await status(1024 * 1024)).status, 413)
})

t.test('a report that cannot be read is gone through once, however it is made up', async (t) => {
  const { device, notes } = await mdmUnderTest(t)
  const phone = await device('U1')
  await phone.enroll()
  const declarations = (bytes: number) => Buffer.from('<!DOCTYPE'.repeat(bytes / 9))
  // Gone through from each declaration on, it would hold up everybody for a second, or for hours.
  t.equal(
    (await phone.send(declarations(64 * 1024), { type: '', signature: null })).status,
    400,
    'a stranger’s',
  )
  t.equal((await phone.send(declarations(8 * 1024 * 1024), { type: '' })).status, 400, 'a device’s')
  t.match(notes.at(-1), { problem: 'message.malformed' })
})

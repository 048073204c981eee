import t from 'tap'
import { readPlistDict } from '../../../src/lib/plist/read.ts'
import { writePlist } from '../../../src/lib/plist/write.ts'
import { enqueue, mdmUnderTest, start, token, topic } from './support.ts'

t.test('a device enrolls: its identity is pinned, its token is kept whole', async (t) => {
  const { store, device, notes } = await mdmUnderTest(t)
  const phone = await device('00008110-0012ABCD')
  const first = await phone.checkIn('Authenticate', {
    ...{ Topic: topic, OSVersion: '18.1', BuildVersion: '22B83', ProductName: 'iPhone15,2' },
    ...{ SerialNumber: 'F2LX0001', IMEI: '35 209900 176148 1', MEID: '', Challenge: 'x' },
  })
  t.strictSame([first.status, first.type, first.body.length], [200, undefined, 0], 'not one byte')
  t.match(await store.enrollments.get(phone.udid), { state: 'pending', certificate: phone.fingerprint })
  const second = await phone.checkIn('TokenUpdate', token({ AwaitingConfiguration: true }))
  t.strictSame([second.status, second.body.length], [200, 0])
  t.match(await store.enrollments.get(phone.udid), {
    ...{
      state: 'enrolled',
      kind: /^device$/,
      user: 'ann',
      pushable: true,
      awaitingConfiguration: true,
      topic,
    },
    ids: { udid: '000081100012ABCD', serial: 'F2LX0001', imei: ['35209900176148'] },
    device: { platform: 'ios', osVersion: '18.1', serial: 'F2LX0001' },
  })
  t.match(await store.enrollments.pushTarget(phone.udid), { token: '01'.repeat(32), magic: 'magic', topic })
  t.strictSame(
    notes.map(({ outcome }) => outcome),
    ['authenticate', 'enrolled'],
  )
})

t.test('a message that comes twice is answered twice and done once', async (t) => {
  let told = 0
  const { store, device } = await mdmUnderTest(t, {
    events: {
      async enrolled() {
        told++
      },
      failed: (error) => t.fail(String(error)),
    },
  })
  const phone = await device('U1')
  await phone.enroll()
  t.equal((await phone.checkIn('TokenUpdate', token())).status, 200)
  t.equal(told, 1)
  t.match(await store.enrollments.counts(), { enrolled: 1 })
})

t.test('no message is believed without the identity that is pinned to its enrollment', async (t) => {
  const { store, device, notes } = await mdmUnderTest(t)
  const [phone, other] = [await device('U1'), await device('U2')]
  await phone.enroll()
  await other.enroll()
  const body = writePlist({ MessageType: 'TokenUpdate', UDID: 'U1', ...token({ PushMagic: 'stolen' }) })
  const type = 'application/x-apple-aspen-mdm-checkin'
  const attempts = {
    'identity.missing': await phone.send(body, { type, signature: null }),
    'signature.malformed': await phone.send(body, { type, signature: 'AAAA' }),
    'signature.wrong': await phone.send(body, { type, signature: phone.sign(Buffer.from('another body')) }),
    'certificate.not-pinned': await other.send(body, { type }),
    'signature.too-large': await phone.send(body, { type, signature: 'A'.repeat(11_000) }),
  }
  const expected = { 'certificate.not-pinned': 403 } as Record<string, number>
  for (const [problem, reply] of Object.entries(attempts)) {
    t.equal(reply.status, expected[problem] ?? 400, problem)
    t.match(reply.type, /^text\/plain/, 'nothing that a device could take for an order')
  }
  t.strictSame(
    notes.flatMap(({ problem }) => problem ?? []),
    Object.keys(attempts),
  )
  t.match(await store.enrollments.pushTarget('U1'), { magic: 'magic' })
})

t.test('a certificate that is not ours, or not any more, enrolls nothing', async (t) => {
  const { store, device } = await mdmUnderTest(t)
  const authenticate = { Topic: topic }
  const foreign = await device('U1', { fingerprint: 'of another' })
  t.equal((await foreign.checkIn('Authenticate', authenticate)).status, 403)
  const expired = await device('U2', { notAfter: start })
  t.equal((await expired.checkIn('Authenticate', authenticate)).status, 403)
  const ofAnother = await device('U3', { enrollment: 'U4' })
  t.equal((await ofAnother.checkIn('Authenticate', authenticate)).status, 403)
  const signing = await device('U5', { purpose: 'profiles' })
  t.equal((await signing.checkIn('Authenticate', authenticate)).status, 403)
  const revoked = await device('U6')
  await store.certificates.revokeEnrollment('U6', 'keyCompromise', { name: 'root', why: 'x', at: start })
  t.equal((await revoked.checkIn('Authenticate', authenticate)).status, 403)
  t.strictSame(await store.enrollments.list({ limit: 9 }), [])
})

t.test('one identity, one device: it takes over no other, and enrolls no second', async (t) => {
  const { store, device } = await mdmUnderTest(t)
  const mallory = await device('enrollment-p_1', { enrollment: 'enrollment-p_1', user: 'mallory' })
  const phone = await device('U1')
  await phone.enroll()
  const claim = (udid: string) =>
    mallory.send(writePlist({ MessageType: 'Authenticate', UDID: udid, Topic: topic }), {
      type: 'application/x-apple-aspen-mdm-checkin',
    })
  t.equal((await claim('U1')).status, 403, 'somebody else’s device')
  t.equal((await store.enrollments.get('U1'))?.certificate, phone.fingerprint)
  t.equal((await claim('U8')).status, 200)
  t.equal((await claim('U9')).status, 403, 'a second one')
  t.equal(await store.enrollments.get('U9'), undefined)
})

t.test('who says to be somebody else’s device while enrolling does not get it', async (t) => {
  const { store, device } = await mdmUnderTest(t)
  const phone = await device('U1')
  await phone.enroll()
  await phone.checkIn('SetBootstrapToken', { BootstrapToken: Buffer.from('secret') })
  // Over the air, the id in a certificate is the one that the sender has named.
  const mallory = await device('U1', { user: 'mallory' })
  t.equal((await mallory.checkIn('Authenticate', { Topic: topic })).status, 403)
  t.equal((await mallory.checkIn('CheckOut')).status, 403)
  t.equal((await mallory.report('Idle')).status, 403)
  t.match(await store.enrollments.get('U1'), {
    user: 'ann',
    state: 'enrolled',
    certificate: phone.fingerprint,
  })
  t.match(await store.enrollments.secrets('U1'), { bootstrapToken: Buffer.from('secret') })
  const by = { name: 'root', why: 'handed on', at: start }
  await store.enrollments.end('U1', 'gone', by)
  t.equal((await (await device('U1', { user: 'bob' })).checkIn('Authenticate', { Topic: topic })).status, 200)
})

t.test('a wiped device comes back with its old id: nothing of before is for it', async (t) => {
  const { store, device } = await mdmUnderTest(t)
  const before = await device('U1')
  await before.enroll()
  await enqueue(store, 'U1', { RequestType: 'EraseDevice' }, 'wipe')
  const after = await device('U1')
  await after.enroll()
  t.equal((await after.report('Idle')).body.length, 0, 'it is not wiped again')
  t.equal((await before.report('Idle')).status, 403)
  t.match(await store.mdmCommands.get('wipe'), { state: 'cancelled' })
})

t.test('a renewed identity is taken without a word, when it renews the pinned one', async (t) => {
  const { store, device } = await mdmUnderTest(t)
  const first = await device('U1')
  await first.enroll()
  const stranger = await device('U1')
  t.equal((await stranger.report('Idle')).status, 403, 'issued for the same device, but no renewal')
  const issued = await store.certificates.byFingerprint(first.fingerprint)
  const predecessor = issued?.serial ?? ''
  const renewed = await device('U1', { predecessor })
  t.equal((await renewed.report('Idle')).status, 200)
  t.equal((await store.enrollments.get('U1'))?.certificate, renewed.fingerprint)
  t.equal((await first.report('Idle')).status, 403, 'the old one counts no more')
})

t.test('an identity that has expired may come for its renewal, and for nothing else', async (t) => {
  const { store, device, clock } = await mdmUnderTest(t)
  const phone = await device('U1')
  await phone.enroll()
  await enqueue(store, 'U1', { RequestType: 'ProfileList' }, 'c1')
  clock.now = start + 90_000_000
  t.equal((await phone.report('Idle')).command, undefined)
  await store.mdmCommands.enqueue(
    {
      ...{ uuid: 'c2', enrollment: 'U1', requestType: 'InstallProfile', renewal: true },
      payload: writePlist({ RequestType: 'InstallProfile', Payload: Buffer.from('x') }),
    },
    { name: 'enrollment', why: 'renewal', at: clock.now },
  )
  t.match((await phone.report('Idle')).command, { uuid: 'c2' })
})

t.test('a device that checks out loses all trust at once', async (t) => {
  const { store, device, notes } = await mdmUnderTest(t)
  const phone = await device('U1')
  await phone.enroll()
  const reply = await phone.checkIn('CheckOut')
  t.strictSame([reply.status, reply.body.length], [200, 0])
  t.match(await store.enrollments.get('U1'), { state: 'gone', pushable: false })
  t.ok((await store.certificates.byFingerprint(phone.fingerprint))?.revoked)
  t.equal(notes.at(-1)?.outcome, 'check-out')
  t.equal((await phone.checkIn('TokenUpdate', token())).status, 403, 'a replay')
  t.match(await store.enrollments.get('U1'), { state: 'gone', pushable: false })
})

t.test('a device whose line of certificates was revoked is told to leave, and its trust ends', async (t) => {
  const { store, device, notes, clock } = await mdmUnderTest(t)
  const phone = await device('U1')
  await phone.enroll({ OSVersion: '16.7', ProductName: 'iPhone10,1' })
  const issued = await store.certificates.byFingerprint(phone.fingerprint)
  const by = { name: 'root', why: 'stolen', at: clock.now }
  const renewal = await device('U1', { predecessor: issued?.serial ?? '' })
  await store.certificates.revoke(issued?.serial ?? '', 'keyCompromise', by)
  t.equal((await phone.report('Idle')).status, 403, 'it may hold the renewal')
  t.match(await store.enrollments.get('U1'), { state: 'enrolled' })
  await store.certificates.revokeLine(issued?.serial ?? '', 'keyCompromise', by)
  const other = await device('U1')
  await store.certificates.revokeEnrollment('U1', 'keyCompromise', by)
  t.equal((await other.report('Idle')).status, 403, 'one that renews nothing says nothing of the device')
  t.equal((await phone.checkIn('Authenticate', { Topic: topic })).status, 403)
  t.match(await store.enrollments.get('U1'), { state: 'enrolled' })
  const reply = await renewal.report('Idle')
  t.strictSame([reply.status, reply.body.length], [401, 0], 'also when it has not shown that one before')
  t.match(notes.at(-1), { outcome: 'told-to-leave', problem: 'certificate.revoked', enrollment: 'U1' })
  t.match(await store.enrollments.get('U1'), {
    state: 'leaving',
    ended: { by: 'enrollment', why: 'the certificate of the device was revoked' },
  })
  t.equal((await phone.report('Idle')).status, 401)
  t.equal((await renewal.checkIn('CheckOut')).status, 200)
  t.match(await store.enrollments.get('U1'), { state: 'gone' })
})

t.test('only a device that is to go is told to go, in the words that its system knows', async (t) => {
  const { store, device } = await mdmUnderTest(t)
  const by = { name: 'root', why: 'sold', at: start }
  const expected = [
    ['U1', '18.1', 'iPhone15,2', 403],
    ['U2', '16.7', 'iPhone10,1', 401],
    ['U3', '14.0', 'Mac14,7', 403],
    ['U4', '', '', 401],
  ] as const
  for (const [udid, OSVersion, ProductName, status] of expected) {
    const one = await device(udid)
    await one.enroll({ OSVersion, ProductName })
    await store.enrollments.end(udid, 'leaving', by)
    const reply = await one.report('Idle')
    t.equal(reply.status, status, udid)
    if (status === 403) {
      t.equal(reply.type, 'application/json')
      t.match(JSON.parse(String(reply.body)), { code: 'com.apple.unrecognized.device' })
    } else t.equal(reply.body.length, 0)
    t.equal((await one.checkIn('CheckOut')).status, 200)
    t.match(await store.enrollments.get(udid), { state: 'gone', ended: { by: 'root', why: 'sold' } })
  }
})

t.test('a record that is away costs no device its management', async (t) => {
  const { device, failing } = await mdmUnderTest(t)
  const phone = await device('U1')
  await phone.enroll()
  failing.record = true
  for (const type of ['Authenticate', 'TokenUpdate', 'CheckOut'])
    t.match(await phone.checkIn(type, token()), { status: 503, type: /^text\/plain/ }, type)
  t.equal((await phone.report('Idle')).status, 503)
  failing.record = false
  t.equal((await phone.report('Idle')).status, 200)
})

t.test('the topic is ours, in each message that names it', async (t) => {
  const { store, device, notes } = await mdmUnderTest(t)
  const phone = await device('U1')
  t.equal((await phone.checkIn('Authenticate', { Topic: 'com.apple.mgmt.Other' })).status, 400)
  t.equal((await phone.checkIn('Authenticate')).status, 400)
  await phone.enroll()
  t.equal((await phone.checkIn('TokenUpdate', token({ Topic: 'com.apple.mgmt.Other' }))).status, 400)
  t.equal(notes.at(-1)?.problem, 'topic.wrong')
  t.match(await store.enrollments.pushTarget('U1'), { topic })
})

t.test('a token without its magic, or one that is none, changes nothing', async (t) => {
  const { store, device } = await mdmUnderTest(t)
  const phone = await device('U1')
  await phone.enroll()
  const { Token, PushMagic } = token()
  for (const keys of [
    { Topic: topic, Token: Token as Uint8Array },
    { Topic: topic, PushMagic: String(PushMagic) },
    token({ Token: 'text' }),
    token({ Token: Buffer.alloc(0) }),
    token({ Token: Buffer.alloc(1000) }),
    token({ PushMagic: 'x'.repeat(1000) }),
  ])
    t.equal((await phone.checkIn('TokenUpdate', keys)).status, 400)
  t.match(await store.enrollments.pushTarget('U1'), { magic: 'magic' })
})

t.test('a person’s channel is a part of its device', async (t) => {
  const { store, device } = await mdmUnderTest(t)
  const mac = await device('MAC1')
  const user = { UserID: 'A1B2', UserShortName: 'ann', UserLongName: 'Ann Example' }
  t.equal((await mac.checkIn('TokenUpdate', { ...token(), ...user })).status, 400, 'before its device')
  await mac.enroll({ ProductName: 'Mac14,7' })
  t.equal((await mac.checkIn('TokenUpdate', { ...token({ PushMagic: 'hers' }), ...user })).status, 200)
  t.match(await store.enrollments.get('MAC1:A1B2'), {
    ...{ kind: /^user$/, parent: 'MAC1', state: 'enrolled' },
    device: { channelUser: 'Ann Example' },
  })
  t.match(await store.enrollments.pushTarget('MAC1'), { magic: 'magic' })
  await enqueue(store, 'MAC1:A1B2', { RequestType: 'ProfileList' }, 'c1')
  t.equal((await mac.report('Idle')).command, undefined, 'not the device’s')
  t.match((await mac.report('Idle', user)).command, { uuid: 'c1' })
  const shared = { UserID: 'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF', UserShortName: 'bob@example.com' }
  t.equal((await mac.checkIn('TokenUpdate', { ...token(), ...shared })).status, 200)
  t.match(await store.enrollments.get('MAC1:bob@example.com'), { parent: 'MAC1' })
  t.equal((await mac.checkIn('UserAuthenticate', user)).status, 410)
  t.equal((await mac.checkIn('CheckOut', user)).status, 200)
  t.match(await store.enrollments.get('MAC1:A1B2'), { state: 'gone' })
  t.match(await store.enrollments.get('MAC1'), { state: 'enrolled' })
  t.equal((await store.certificates.byFingerprint(mac.fingerprint))?.revoked, undefined)
})

t.test('a user enrollment is known by its own id', async (t) => {
  const { store, device } = await mdmUnderTest(t)
  const phone = await device('E1', { enrollment: 'enrollment-p_9' })
  const send = (keys: object) =>
    phone.send(writePlist({ EnrollmentID: 'E1', ...keys }), { type: 'application/x-apple-aspen-mdm-checkin' })
  t.equal((await send({ MessageType: 'Authenticate', Topic: topic })).status, 200)
  t.equal((await send({ MessageType: 'TokenUpdate', ...token() })).status, 200)
  t.match(await store.enrollments.get('E1'), { kind: /^user-enrollment$/, state: 'enrolled', ids: {} })
  t.equal((await send({ MessageType: 'TokenUpdate', ...token(), EnrollmentUserID: 'P1' })).status, 200)
  t.match(await store.enrollments.get('E1:P1'), { kind: 'user-enrollment-user' })
})

t.test('bootstrap and unlock tokens are kept for the device that gave them', async (t) => {
  const { store, device } = await mdmUnderTest(t)
  const [mac, other] = [await device('MAC1'), await device('MAC2')]
  await mac.enroll()
  await other.enroll()
  t.equal((await mac.checkIn('GetBootstrapToken')).body.length, 0)
  t.equal((await mac.checkIn('SetBootstrapToken', { BootstrapToken: Buffer.from('boot') })).status, 200)
  const reply = await mac.checkIn('GetBootstrapToken')
  t.strictSame(readPlistDict(reply.body), { BootstrapToken: Buffer.from('boot') })
  t.equal((await other.checkIn('GetBootstrapToken')).body.length, 0)
  t.equal((await mac.checkIn('SetBootstrapToken')).status, 200)
  t.equal((await mac.checkIn('GetBootstrapToken')).body.length, 0)
  await mac.checkIn('TokenUpdate', token({ UnlockToken: Buffer.from('unlock') }))
  await mac.checkIn('TokenUpdate', token())
  t.strictSame(await store.enrollments.secrets('MAC1'), { unlockToken: Buffer.from('unlock') })
})

t.test('what is not offered is answered plainly', async (t) => {
  const { device, store } = await mdmUnderTest(t)
  const phone = await device('U1')
  await phone.enroll()
  t.equal((await phone.checkIn('GetToken', { TokenServiceType: 'com.apple.maid' })).status, 404)
  t.equal((await phone.checkIn('ReturnToService')).status, 400)
  const declare = (Endpoint: string) => phone.checkIn('DeclarativeManagement', { Endpoint })
  const tokens = JSON.parse(String((await declare('tokens')).body))
  const items = await declare('declaration-items')
  t.equal(items.type, 'application/json')
  t.equal(JSON.parse(String(items.body)).DeclarationsToken, tokens.SyncTokens.DeclarationsToken)
  t.match(tokens.SyncTokens.Timestamp, /^2026-06-01T12:00:00Z$/)
  t.equal((await declare('status')).body.length, 0)
  t.equal((await declare('declaration/configuration/x')).status, 404)
  t.match(await store.enrollments.get('U1'), { state: 'enrolled' })
})

t.test('malformed messages are refused with a reason and without effect', async (t) => {
  const { store, device, notes } = await mdmUnderTest(t)
  const phone = await device('U1')
  const xml = (body: string) => Buffer.from(`<plist version="1.0">${body}</plist>`)
  const key = (name: string, value: string) => `<key>${name}</key><string>${value}</string>`
  const bodies = {
    nothing: Buffer.alloc(0),
    text: Buffer.from('hello'),
    binary: Buffer.from('bplist00\u00d1'),
    entity: Buffer.from(
      `<!DOCTYPE plist [<!ENTITY u "U1">]><plist><dict>${key('MessageType', 'Authenticate')}${key('UDID', '&u;')}</dict></plist>`,
    ),
    deep: xml(`${'<array>'.repeat(5000)}${'</array>'.repeat(5000)}`),
    'key twice': xml(
      `<dict>${key('UDID', 'U1')}${key('UDID', 'U2')}${key('MessageType', 'Authenticate')}</dict>`,
    ),
    array: xml('<array/>'),
    'no id': xml(`<dict>${key('MessageType', 'Authenticate')}</dict>`),
    'two ids': xml(
      `<dict>${key('MessageType', 'Authenticate')}${key('UDID', 'U1')}${key('EnrollmentID', 'U1')}</dict>`,
    ),
    'id of a channel': xml(`<dict>${key('MessageType', 'Authenticate')}${key('UDID', 'U1:ann')}</dict>`),
    'long id': xml(`<dict>${key('MessageType', 'Authenticate')}${key('UDID', 'U'.repeat(200))}</dict>`),
    'no type': xml(`<dict>${key('UDID', 'U1')}</dict>`),
  }
  for (const [name, body] of Object.entries(bodies)) {
    const reply = await phone.send(body, { type: 'application/x-apple-aspen-mdm-checkin' })
    t.equal(reply.status, 400, name)
  }
  const large = Buffer.alloc(1024 * 1024 + 1, 0x20)
  t.equal((await phone.send(large, { type: 'application/x-apple-aspen-mdm-checkin' })).status, 413)
  t.ok(notes.every(({ outcome, problem }) => outcome === 'refused' && problem !== undefined))
  t.strictSame(await store.enrollments.list({ limit: 9 }), [])
})

t.test('a large message is not taken apart for strangers', async (t) => {
  const { device, notes } = await mdmUnderTest(t)
  const phone = await device('U1')
  await phone.enroll()
  const list = `<array>${'<string>x</string>'.repeat(20_000)}`
  const broken = Buffer.from(`<plist><dict><key>UDID</key><string>U1</string><key>L</key>${list}`)
  t.equal((await phone.send(broken, { signature: null })).status, 400)
  t.match(notes.at(-1), { problem: 'identity.missing' }, 'before anything is read')
  t.equal((await phone.send(broken)).status, 400)
  t.match(notes.at(-1), { problem: 'message.malformed' }, 'of a device that is ours')
})

t.test('a message without a type, and with keys that nobody knows, is read all the same', async (t) => {
  const { store, device } = await mdmUnderTest(t)
  const phone = await device('U1')
  const authenticate = { MessageType: 'Authenticate', UDID: 'U1', Topic: topic, Unknown: { Deep: [1] } }
  t.equal((await phone.send(writePlist(authenticate), { type: '' })).status, 200)
  t.match(await store.enrollments.get('U1'), { state: 'pending' })
})

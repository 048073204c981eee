import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { signerOf } from '../../../src/enrollment/mdm/signer.ts'
import type { PlistDict } from '../../../src/lib/plist/values.ts'
import { writePlist } from '../../../src/lib/plist/write.ts'
import { openssl, selfSigned } from '../../helpers/openssl.ts'
import { type Device, type MdmUnderTest, mdmUnderTest, start, token, topic } from './support.ts'

const checkInType = 'application/x-apple-aspen-mdm-checkin'

async function serialOf({ store }: MdmUnderTest, { fingerprint }: Device): Promise<string> {
  return (await store.certificates.byFingerprint(fingerprint))?.serial ?? ''
}

function authenticate(device: Device, keys: PlistDict) {
  return device.send(writePlist({ MessageType: 'Authenticate', Topic: topic, ...keys }), {
    type: checkInType,
  })
}

t.test('TLS and the signature have to prove the same identity', async (t) => {
  const tool = openssl(t)
  for (const name of ['one', 'other']) selfSigned(tool, name)
  const certificate = (name: string) => new X509Certificate(readFileSync(join(tool.folder, `${name}.crt`)))
  const body = Buffer.from('body')
  tool.file('body', body)
  const sign = (md: string) =>
    tool
      .run(
        ...['cms', '-sign', '-binary', '-md', md, '-in', 'body', '-outform', 'DER'],
        ...['-signer', 'one.crt', '-inkey', 'one.key'],
      )
      .toString('base64')
  const request = { body, contentType: undefined, signature: sign('sha256'), at: start }
  const by = (clientCertificate: X509Certificate | undefined, changes = {}) =>
    signerOf({ ...request, clientCertificate, ...changes }, { sha1: false })
  t.match(by(certificate('one')), { certificate: { subject: 'CN=one' } })
  t.match(by(certificate('other')), { problem: 'identity.two' })
  t.match(by(certificate('other'), { signature: undefined }), { certificate: { subject: 'CN=other' } })
  const old = { ...request, clientCertificate: undefined, signature: sign('sha1') }
  t.match(signerOf(old, { sha1: false }), { problem: 'signature.malformed' })
  t.match(signerOf(old, { sha1: true }), { certificate: { subject: 'CN=one' } })
})

t.test('a large message of somebody who is none of ours is not taken apart', async (t) => {
  const { device, notes } = await mdmUnderTest(t)
  const stranger = await device('U1', { purpose: 'profiles' })
  const broken = Buffer.from(`<plist><dict><key>L</key><array>${'<string>x</string>'.repeat(20_000)}`)
  t.equal((await stranger.send(broken)).status, 403)
  t.match(notes.at(-1), { problem: 'certificate.foreign' })
})

t.test('a check-in is as small as a check-in, whatever type it is sent with', async (t) => {
  const { store, device } = await mdmUnderTest(t)
  const phone = await device('U1')
  const long = { MessageType: 'Authenticate', UDID: 'U1', Topic: topic, Padding: 'x'.repeat(1024 * 1024) }
  t.equal((await phone.send(writePlist(long), { type: '' })).status, 413)
  t.equal(await store.enrollments.get('U1'), undefined)
  await phone.enroll()
  const report = writePlist({ Status: 'Idle', UDID: 'U1' })
  t.equal((await phone.send(report, { type: checkInType })).status, 400, 'and a report is none')
})

t.test('a device that is to go is told so, also when it has renewed its identity meanwhile', async (t) => {
  const mdm = await mdmUnderTest(t)
  const phone = await mdm.device('U1')
  await phone.enroll()
  const renewed = await mdm.device('U1', { predecessor: await serialOf(mdm, phone) })
  await mdm.store.enrollments.end('U1', 'leaving', { name: 'root', why: 'sold', at: start })
  const reply = await renewed.report('Idle')
  t.strictSame([reply.status, reply.type], [403, 'application/json'])
  t.match(JSON.parse(String(reply.body)), { code: 'com.apple.unrecognized.device' })
})

t.test('an identity that was renewed twice before it was used is the device’s', async (t) => {
  const mdm = await mdmUnderTest(t)
  const first = await mdm.device('U1')
  await first.enroll()
  const second = await mdm.device('U1', { predecessor: await serialOf(mdm, first) })
  const third = await mdm.device('U1', { predecessor: await serialOf(mdm, second) })
  t.equal((await third.report('Idle')).status, 200)
  t.equal((await mdm.store.enrollments.get('U1'))?.certificate, third.fingerprint)
})

t.test('an identity that has enrolled one device does not speak for another, renewal or not', async (t) => {
  const mdm = await mdmUnderTest(t)
  const phone = await mdm.device('U1')
  await phone.enroll()
  const predecessor = await serialOf(mdm, phone)
  const renewal = await mdm.device('U1', { enrollment: 'enrollment-p_1', predecessor })
  t.equal((await authenticate(renewal, { UDID: 'U9' })).status, 200)
  t.equal((await renewal.report('Idle')).status, 403)
  t.match(mdm.notes.at(-1), { problem: 'certificate.of-another' })
  t.equal((await mdm.store.enrollments.get('U1'))?.certificate, phone.fingerprint)
})

t.test('where nobody’s name is known, one device does not become another', async (t) => {
  const { store, device } = await mdmUnderTest(t)
  const nobody = { user: undefined } as object
  const phone = await device('U1', nobody)
  await phone.enroll()
  const other = await device('p1', { ...nobody, enrollment: 'enrollment-p_1' })
  t.equal((await authenticate(other, { UDID: 'U1' })).status, 403)
  t.equal((await store.enrollments.get('U1'))?.certificate, phone.fingerprint)
})

t.test('an id that could be read in two ways, or that none can be, begins nothing', async (t) => {
  const { store, device, notes } = await mdmUnderTest(t)
  const phone = await device('U1', { enrollment: 'enrollment-p_1' })
  const ids: PlistDict[] = [
    { UDID: 'U1', EnrollmentID: 'E1' },
    { UDID: 'U1\nU2' },
    { UDID: 'U1:U2' },
    { UDID: 'U'.repeat(129) },
    {},
    { UDID: 'U1', UserID: 'A1\u0085' },
    { UDID: 'U1', UserID: 'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF' },
    { UDID: 'U1', UserID: 'A1' },
  ]
  for (const keys of ids) {
    const { status } = await authenticate(phone, keys)
    t.strictSame([status, notes.at(-1)?.problem], [400, 'message.malformed'], JSON.stringify(keys))
  }
  t.strictSame(await store.enrollments.list({ limit: 9 }), [])
})

t.test('what a device gives to be kept has its bounds', async (t) => {
  const { store, device } = await mdmUnderTest(t, { topic: () => undefined })
  const phone = await device('U1')
  const Topic = `com.apple.mgmt.${'x'.repeat(300)}`
  t.equal((await authenticate(phone, { UDID: 'U1', Topic })).status, 400, 'also while we have no topic')
  await phone.enroll()
  const large = Buffer.alloc(64 * 1024 + 1)
  t.equal((await phone.checkIn('TokenUpdate', token({ UnlockToken: large }))).status, 400)
  t.equal((await phone.checkIn('SetBootstrapToken', { BootstrapToken: large })).status, 400)
  t.strictSame(await store.enrollments.secrets('U1'), {})
})

t.test('a person’s channel begins on a device that is enrolled, and ends with its check-out', async (t) => {
  const { store, device } = await mdmUnderTest(t)
  const mac = await device('MAC1')
  const user = { UserID: 'A1B2', UserShortName: 'ann' }
  t.equal((await authenticate(mac, { UDID: 'MAC1' })).status, 200)
  t.equal((await mac.checkIn('TokenUpdate', { ...token(), ...user })).status, 400, 'not yet')
  t.equal(await store.enrollments.get('MAC1:A1B2'), undefined)
  await mac.checkIn('TokenUpdate', token())
  await mac.checkIn('TokenUpdate', { ...token(), ...user })
  await mac.checkIn('SetBootstrapToken', { BootstrapToken: Buffer.from('boot') })
  const asked = await mac.checkIn('GetBootstrapToken', user)
  t.match(
    String(asked.body),
    Buffer.from('boot').toString('base64'),
    'the device’s, for each of its channels',
  )
  t.equal((await mac.checkIn('CheckOut', user)).status, 200)
  t.equal((await mac.report('Idle', user)).status, 400)
})

t.test('an identity that has ended gets no bootstrap token, and stores none', async (t) => {
  const { clock, device, notes } = await mdmUnderTest(t)
  const mac = await device('MAC-1')
  await mac.enroll({ ProductName: 'Mac14,7' })
  await mac.checkIn('SetBootstrapToken', { BootstrapToken: Buffer.from('boot') })
  clock.now += 366 * 86_400_000
  t.match(await mac.checkIn('GetBootstrapToken'), { status: 403, type: /^text\/plain/ })
  t.match(notes.at(-1), { problem: 'certificate.expired', enrollment: 'MAC-1' })
  t.equal((await mac.checkIn('SetBootstrapToken', { BootstrapToken: Buffer.from('other') })).status, 403)
  t.equal((await mac.checkIn('TokenUpdate', token())).status, 200, 'it can be called for its renewal')
})

t.test('a device whose id looks like the name of a profile for any device is bound to it', async (t) => {
  const { device, notes } = await mdmUnderTest(t)
  const other = { UDID: 'U9', ...token() }
  const bound = await device('enrollment-x', { user: 'eve' })
  t.equal((await authenticate(bound, other)).status, 403)
  t.match(notes.at(-1), { problem: 'certificate.of-another' })
  const unbound = await device('U9', { enrollment: 'enrollment-p_x', user: 'eve' })
  t.equal((await authenticate(unbound, other)).status, 200)
})

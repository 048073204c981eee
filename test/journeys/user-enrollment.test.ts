import t from 'tap'
import { deviceRequest } from '../../sim/apple/connection.ts'
import { signedMessage } from '../../sim/apple/messages.ts'
import type { AppleDevice } from '../../sim/apple-device.ts'
import { accessRightNames } from '../../src/domain/access-rights.ts'
import { requestCommand } from '../../src/enrollment/commands/request-command.ts'
import { writePlist } from '../../src/lib/plist/write.ts'
import { type EnrollmentUnderTest, enrollmentUnderTest } from '../helpers/enrollment.ts'
import { eventually } from '../helpers/eventually.ts'

/** In the device's settings: the address of the account, the sign-in window, and the profile that follows. */
async function enroll(
  { publicUrl, ca, browser, code }: EnrollmentUnderTest,
  phone: AppleDevice,
  user: string,
) {
  // All that a device tells of itself where it belongs to its user.
  const info = { PRODUCT: 'iPhone15,2', VERSION: '22B83', LANGUAGE: 'en' }
  const post = (token?: string) =>
    deviceRequest(
      `${publicUrl}/enroll/account`,
      {
        method: 'POST',
        body: signedMessage(writePlist(info), phone.options.builtIn),
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      },
      { ca },
    )
  const visitor = browser()
  const window = await visitor.get('/enroll/account/sign-in')
  const signedIn = await visitor.submit(window, '/enroll/code', { code: await code(user) })
  const agreed = await visitor.submit(await visitor.get(String(signedIn.headers.location)), '/enroll/agree')
  const done = await visitor.get(String(agreed.headers.location))
  const profile = await post(String(done.headers.location).split('=')[1])
  if (profile.status !== 200) throw new Error(`${profile.status} ${profile.body}`)
  await phone.install(profile.body)
}

t.test(
  'a device that belongs to its user: enrolled without UDID, spared what is not the organisation’s, and free to go',
  async (t) => {
    const enrollment = await enrollmentUnderTest(t, {
      enrollment: 'accountDriven: { mode: byod, managedAppleId: "{user}@example.com" }',
      settings: 'compliance: { interval: 200ms, brake: { maxNewlyBlocked: 100% } }\n',
    })
    const { store } = enrollment
    const phone = await enrollment.device()
    await enroll(enrollment, phone, 'alice')
    const id = phone.enrollmentId
    const known = await store.enrollments.get(id)
    t.match(known, { kind: /^user-enrollment$/, state: 'enrolled', user: 'alice', unlockable: false })
    t.strictSame(known?.ids, {}, 'neither serial number nor UDID')
    t.equal(known?.accessRights, undefined, 'the system fixes its rights')
    t.equal(phone.management?.accessRights, 0)

    await phone.poll()
    t.match(await store.enrollments.inventory(id), {
      'device-information': { values: { OSVersion: '18.1' } },
      'security-info': { values: { PasscodePresent: true } },
    })
    t.match((await store.enrollments.get(id))?.ids, {
      easDeviceId: [`EAS${phone.options.serial}`.toLowerCase()],
    })

    const inFleet = (compliance: string) =>
      eventually(async () => {
        const known = await store.managedDevices.get('gatehouse', id)
        return known?.device.compliance === compliance && known.device
      })
    t.match(await inFleet('compliant'), { user: { name: 'alice' }, management: 'managed', reasons: [] })
    const told = { PasscodePresent: false, HardwareEncryptionCaps: 3 }
    await store.enrollments.putInventory(id, { part: 'security-info', values: told, at: Date.now() })
    t.match((await inFleet('noncompliant')).reasons, ['No passcode', /not encrypted/])

    const request = async (name: string, enrollmentId = id) => {
      const found = (await store.enrollments.get(enrollmentId))!
      const command = { command: { name, values: {} }, uuid: `${name} ${enrollmentId}` }
      const by = { name: 'root', why: 'test', at: Date.now() }
      const asked = { enrollment: found, ...command, rights: accessRightNames, confirmSerial: enrollmentId }
      await requestCommand(asked, store, by)
    }
    for (const name of ['EraseDevice', 'ClearPasscode', 'RestartDevice', 'ShutDownDevice'])
      await t.rejects(request(name), /belongs to its user/)
    await request('DeviceLock')
    await phone.poll()
    t.match(phone.commands.at(-1), { requestType: 'DeviceLock' })
    t.match(await store.mdmCommands.get(`DeviceLock ${id}`), { state: 'acknowledged' })

    await phone.tokenUpdate({ EnrollmentUserID: 'PERSON-1', UserShortName: 'alice' })
    const channel = `${id}:PERSON-1`
    t.match(await store.enrollments.get(channel), {
      kind: 'user-enrollment-user',
      parent: id,
      state: 'enrolled',
    })
    await t.rejects(request('DeviceLock', channel), /name the device/)

    const { certificate } = known!
    await phone.checkOut()
    await eventually(async () => {
      const left = await store.managedDevices.get('gatehouse', id)
      return left === undefined || left.device.management === 'gone'
    })
    t.match(await store.enrollments.get(id), { state: 'gone' })
    t.match(await store.enrollments.get(channel), { state: 'gone' })
    t.ok((await store.certificates.byFingerprint(certificate))?.revoked)
  },
)

t.test('who enrolls again is somebody new: the former enrollment is none of its business', async (t) => {
  const enrollment = await enrollmentUnderTest(t, {
    enrollment: 'accountDriven: { mode: byod, managedAppleId: "{user}@example.com" }',
  })
  const { store } = enrollment
  const [phone, other] = [await enrollment.device(), await enrollment.device()]
  await enroll(enrollment, phone, 'alice')
  // Says that it is the first one; its certificate is for whatever enrolls with it first.
  other.enrollmentId = phone.enrollmentId
  await t.rejects(enroll(enrollment, other, 'mallory'))
  t.match(await store.enrollments.get(phone.enrollmentId), { user: 'alice', state: 'enrolled' })
  await phone.poll()
})

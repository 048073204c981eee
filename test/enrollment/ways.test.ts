import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { deviceRequest } from '../../sim/apple/connection.ts'
import { openSigned, signedMessage } from '../../sim/apple/messages.ts'
import { issueCertificate } from '../../sim/certificates.ts'
import { readPlistDict } from '../../src/lib/plist/read.ts'
import { writePlist } from '../../src/lib/plist/write.ts'
import { temporaryFolder } from '../helpers/certificates.ts'
import { enrollmentUnderTest } from '../helpers/enrollment.ts'
import { eventually } from '../helpers/eventually.ts'
import { run } from '../helpers/run.ts'

t.test('one profile enrolls the first device that installs it, and no second one', async (t) => {
  const { browser, code, device, store } = await enrollmentUnderTest(t)
  const profile = await browser().profile(await code(), '/enroll/direct')
  const [phone, another] = [await device(), await device()]
  await phone.install(profile)
  t.match(await store.enrollments.get(phone.options.udid), {
    ...{ state: 'enrolled', user: 'alice' },
    accessRights: phone.management?.accessRights,
  })
  t.match(await store.audit.list({ subject: 'alice', limit: 9 }), [
    { action: 'enrollment.signed-in' },
    { action: 'enrollment.profile-issued', details: { way: 'direct' } },
  ])
  await t.rejects(another.install(profile), /SCEP: status 2/)
  t.equal(await store.enrollments.get(another.options.udid), undefined)
})

t.test('OpenSSL verifies the profiles that are handed out', async (t) => {
  const { browser, code, publicUrl, ca } = await enrollmentUnderTest(t)
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, 'profile'), await browser().profile(await code()))
  const authority = await deviceRequest(`${publicUrl}/ca.crt`, { method: 'GET' }, { ca })
  writeFileSync(join(folder, 'ca.der'), authority.body)
  const pem = await run(t, ['openssl', 'x509', '-inform', 'DER', '-in', join(folder, 'ca.der')])
  writeFileSync(join(folder, 'ca.pem'), pem.stdout)
  const { stdout, stderr } = await run(t, [
    ...(['openssl', 'cms', '-verify', '-inform', 'DER', '-purpose', 'any'] as const),
    ...['-in', join(folder, 'profile'), '-CAfile', join(folder, 'ca.pem')],
  ])
  t.match(stderr, /successful/)
  t.match(stdout, /Profile Service/)
})

t.test('a sign-in on a computer goes on on the phone, once', async (t) => {
  const { browser, code, store } = await enrollmentUnderTest(t)
  const computer = browser()
  computer.userAgent = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64)'
  t.match((await computer.get('/enroll')).body, /role="img"/)
  await computer.signIn(await code())
  // What the QR code holds is in no text of the page; a pass of its own was made with it.
  const page = await computer.get('/enroll')
  t.match(page.body, /works once, within ten minutes/)
  t.match(await browser().get('/enroll/continue?ticket=x'), { status: 403, body: /has been used/ })
  t.match((await store.audit.list({ limit: 9 })).at(-1), { action: 'enrollment.signed-in' })
})

t.test('a user enrolls from the device’s own settings, by the address of the account', async (t) => {
  const enrollment = await enrollmentUnderTest(t, {
    enrollment: 'accountDriven: { mode: adde, managedAppleId: "{user}@example.com" }',
  })
  const { browser, code, device, publicUrl, ca, store } = enrollment
  const phone = await device()
  const network = { ca }
  const found = await deviceRequest(
    `${publicUrl}/.well-known/com.apple.remotemanagement?user-identifier=alice%40example.com&model-family=iPhone`,
    { method: 'GET' },
    network,
  )
  const { Servers } = JSON.parse(found.body.toString()) as { Servers: [{ Version: string; BaseURL: string }] }
  t.equal(Servers[0].Version, 'mdm-adde')
  const { udid, serial, builtIn } = phone.options
  const info = { UDID: udid, SERIAL: serial, PRODUCT: 'iPhone15,2', VERSION: '22B83', LANGUAGE: 'en' }
  const post = (token?: string, signer = builtIn) =>
    deviceRequest(
      Servers[0].BaseURL,
      {
        method: 'POST',
        body: signedMessage(writePlist(info), signer),
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      },
      network,
    )
  const asked = await post()
  t.equal(asked.status, 401)
  const url =
    /method="apple-as-web", url="([^"]+)"/.exec(String(asked.headers['www-authenticate']))?.[1] ?? ''
  const visitor = browser()
  const { pathname } = new URL(url)
  const signedIn = await visitor.submit(await visitor.get(pathname), '/enroll/code', { code: await code() })
  const consent = await visitor.get(String(signedIn.headers.location))
  const agreed = await visitor.submit(consent, '/enroll/agree')
  const done = await visitor.get(String(agreed.headers.location))
  t.equal(done.status, 308)
  const location = String(done.headers.location)
  t.match(location, /^apple-remotemanagement-user-login:\/\/authentication-results\?access-token=/)
  const token = location.split('=')[1] ?? ''
  t.equal((await post('A'.repeat(43))).status, 403, 'a token that nobody gave')
  const stranger = await issueCertificate({
    ...{ commonName: 'stranger', use: 'client' },
    ...{ notBefore: Date.now(), days: 1 },
  })
  t.equal((await post(token, stranger)).status, 403, 'from what Apple has not made')
  t.equal((await post(token)).status, 200)
  const profile = await post(token)
  t.equal(profile.status, 200, 'an answer that was lost')
  t.equal((await post(token, (await device()).options.builtIn)).status, 403, 'another device')
  t.match((await store.audit.list({ subject: 'alice', limit: 50 })).at(-1), {
    action: 'enrollment.profile-issued',
    details: { way: 'account-driven', udid },
  })
  const { PayloadContent } = readPlistDict(openSigned(profile.body).content)
  t.match((PayloadContent as readonly object[]).at(-1), {
    EnrollmentMode: 'ADDE',
    AssignedManagedAppleID: 'alice@example.com',
    SignMessage: true,
  })
  await phone.install(profile.body)
  t.match(await store.enrollments.get(udid), { state: 'enrolled', user: 'alice' })
  const named = { managedAppleId: 'alice@example.com' }
  t.match(await store.certificates.ofEnrollment(udid), [named], 'its renewals name the same account')
})

t.test('where there is no enrollment by account address, a device is told so, and no question', async (t) => {
  const { publicUrl, ca, device } = await enrollmentUnderTest(t)
  const { udid: UDID, builtIn } = (await device()).options
  const body = signedMessage(writePlist({ UDID }), builtIn)
  t.match(await deviceRequest(`${publicUrl}/enroll/account`, { method: 'POST', body }, { ca }), {
    status: 403,
    body: /no enrollment by account address/,
  })
  const address = `${publicUrl}/.well-known/com.apple.remotemanagement?user-identifier=alice%40example.com`
  const answer = await deviceRequest(address, { method: 'GET' }, { ca })
  t.equal(answer.status, 403)
  t.match(JSON.parse(answer.body.toString()), { code: 'com.apple.well-known.failed' })
})

t.test('a renewed identity goes on, and NotNow is asked again later', async (t) => {
  const { browser, code, device, store } = await enrollmentUnderTest(t)
  const phone = await device()
  await phone.install(await browser().profile(await code()))
  const { udid } = phone.options
  await phone.poll()
  await phone.renewIdentity()
  await phone.poll()
  const lock = { uuid: 'lock-1', enrollment: udid, requestType: 'DeviceLock' }
  const payload = writePlist({ RequestType: 'DeviceLock' })
  await store.mdmCommands.enqueue({ ...lock, payload }, { name: 'admin', why: 'a test', at: Date.now() })
  phone.answer = ({ requestType }) => (requestType === 'DeviceLock' ? 'not-now' : undefined)
  await phone.poll()
  t.match(await store.mdmCommands.get('lock-1'), { state: 'not-now' })
  phone.answer = () => undefined
  await phone.poll()
  t.match(await eventually(() => store.mdmCommands.get('lock-1')), { state: 'acknowledged' })
})

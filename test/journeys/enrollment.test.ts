import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import type { AppleDevice } from '../../sim/apple-device.ts'
import { writePlist } from '../../src/lib/plist/write.ts'
import { chatService, internet } from '../helpers/chat.ts'
import { chromium } from '../helpers/chromium.ts'
import { type EnrollmentUnderTest, enrollmentUnderTest, iphone } from '../helpers/enrollment.ts'
import { eventually } from '../helpers/eventually.ts'
import { ask, form } from '../helpers/http-client.ts'
import { openStream } from '../helpers/open-stream.ts'

const policy = `
registration:
  - { name: Enrolled device, when: { evidence: certificate }, then: allow }
access:
  - { name: Everything registered, then: allow }
`

async function installation(t: Test) {
  const { service, services } = await chatService(t)
  const enrollment = await enrollmentUnderTest(t, {
    policy,
    services,
  })
  return { ...enrollment, service }
}

/** The user's part, in a real browser on a phone: from the sign-in page to the download. */
async function downloadInBrowser(t: Test, { publicUrl, code }: EnrollmentUnderTest): Promise<Buffer> {
  const context = await chromium(t, { viewport: { width: 375, height: 740 }, userAgent: iphone })
  const page = await context.newPage()
  await page.goto(publicUrl)
  await page.getByLabel('One-time code from your administrator').fill((await code('alice')).toLowerCase())
  await page.getByRole('button', { name: 'Continue' }).click()
  await page.getByRole('heading', { name: 'What Example Corp will be able to do' }).waitFor()
  await page.getByText('erase everything on the device').waitFor()
  await page.getByRole('button', { name: 'I agree' }).click()
  await page.getByRole('heading', { name: 'Install the profile' }).waitFor()
  const download = page.waitForEvent('download')
  await page.getByRole('link', { name: 'Download the profile' }).click()
  return readFileSync(await (await download).path())
}

function chat({ gateway }: EnrollmentUnderTest, phone: AppleDevice, path: string, more: object = {}) {
  const { certificate: cert, key } = phone.identity!
  return ask({
    ...{ port: gateway.tls, host: 'chat.localhost', ca: gateway.ca, from: internet, cert, key, path },
    ...more,
  })
}

function signIn(enrollment: EnrollmentUnderTest, phone: AppleDevice) {
  const body = 'username=alice&password=wonderland'
  return chat(enrollment, phone, '/login', { method: 'POST', headers: form, body })
}

/** The phone comes when it is pushed to, as long as the test lasts. */
function comesWhenPushed({ apns }: EnrollmentUnderTest, phone: AppleDevice): void {
  apns.onPush(({ token, body }) => {
    if (token === phone.pushToken.toString('hex')) void phone.push(body)
  })
}

t.test('from the sign-in page to a wiped device', async (t) => {
  const enrollment = await installation(t)
  const { store } = enrollment
  const phone = await enrollment.device()
  await phone.install(await downloadInBrowser(t, enrollment))
  const { udid } = phone.options
  t.match(await store.enrollments.get(udid), { state: 'enrolled', user: 'alice' })

  const signedIn = await signIn(enrollment, phone)
  t.equal(signedIn.status, 302, 'the certificate of the enrollment registers from the internet')
  const cookie = signedIn.cookies.join('; ')
  t.equal((await chat(enrollment, phone, '/api/messages', { headers: { cookie } })).status, 200)

  comesWhenPushed(enrollment, phone)
  const erase = {
    uuid: 'erase-1',
    enrollment: udid,
    requestType: 'EraseDevice',
    payload: writePlist({ RequestType: 'EraseDevice' }),
  }
  const by = { name: 'admin', why: 'left in a taxi', at: Date.now() }
  t.equal(await store.mdmCommands.enqueue(erase, by), 'queued')
  await eventually(() => phone.wiped)
  t.match(await eventually(async () => store.mdmCommands.get('erase-1')), { requestType: 'EraseDevice' })
})

t.test('a device that checks out is cut off, and what is open ends', async (t) => {
  const enrollment = await installation(t)
  const { store, gateway, browser, code, device } = enrollment
  const phone = await device()
  await phone.install(await browser().profile(await code('alice')))
  const cookie = (await signIn(enrollment, phone)).cookies.join('; ')
  const { certificate: cert, key } = phone.identity!
  const stream = await openStream(t, {
    ...{ port: gateway.tls, ca: gateway.ca, path: '/api/events', from: internet, cookie, cert, key },
  })
  t.equal(stream.status, 200)

  await phone.checkOut()
  await stream.ended
  t.match(await store.enrollments.get(phone.options.udid), { state: 'gone' })
  const headers = { cookie }
  const answer = await chat(enrollment, phone, '/api/messages', { headers })
  t.equal(answer.status, 403, 'nor does the certificate open anything')
  t.equal((await signIn(enrollment, phone)).status, 403)
})

t.test('a device that an administrator removes is told to leave, and leaves', async (t) => {
  const enrollment = await installation(t)
  const { store, browser, code, device } = enrollment
  const phone = await device()
  await phone.install(await browser().profile(await code('alice')))
  comesWhenPushed(enrollment, phone)
  await store.enrollments.end(phone.options.udid, 'leaving', { name: 'admin', why: 'sold', at: Date.now() })
  await eventually(() => phone.management === undefined)
  t.equal((await signIn(enrollment, phone)).status, 403)
})

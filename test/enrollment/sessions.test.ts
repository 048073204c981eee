import { connect } from 'node:tls'
import t from 'tap'
import { deviceRequest } from '../../sim/apple/connection.ts'
import { openSigned } from '../../sim/apple/messages.ts'
import { codeHash, newCode } from '../../src/enrollment/sign-in/code.ts'
import { sha256 } from '../../src/lib/hash.ts'
import { readPlistDict } from '../../src/lib/plist/read.ts'
import { chromium } from '../helpers/chromium.ts'
import {
  type EnrollmentUnderTest,
  enrollmentHost,
  enrollmentUnderTest,
  iphone,
} from '../helpers/enrollment.ts'
import { ask } from '../helpers/http-client.ts'

const windows = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64)'

async function codeFor(
  { store }: EnrollmentUnderTest,
  user: { readonly name: string; readonly groups: readonly string[] },
): Promise<string> {
  const code = newCode()
  const at = Date.now()
  const by = { name: 'test', why: 'a test', at }
  const hash = codeHash(code)
  await store.enrollmentCodes.create({ id: `c_${user.name}`, hash, user, expiresAt: at + 60_000 }, by)
  return code
}

t.test('who signs out is signed out, and so is whoever has a copy of the cookie', async (t) => {
  const { browser, code } = await enrollmentUnderTest(t)
  const visitor = browser()
  const consent = await visitor.signIn(await code())
  await visitor.submit(consent, '/enroll/agree')
  const thief = browser()
  for (const [name, value] of visitor.cookies) thief.cookies.set(name, value)
  t.equal((await thief.get('/enroll/install')).status, 200)
  await visitor.submit(await visitor.get('/enroll/install'), '/enroll/sign-out')
  t.match(await thief.get('/enroll/profile'), { status: 403, body: /Sign in first/ })
})

t.test('a new sign-in in the same browser ends the one before', async (t) => {
  const { browser, code } = await enrollmentUnderTest(t)
  const visitor = browser()
  const first = await visitor.get('/enroll')
  await visitor.submit(first, '/enroll/code', { code: await code('alice') })
  const before = browser()
  for (const [name, value] of visitor.cookies) before.cookies.set(name, value)
  await visitor.submit(first, '/enroll/code', { code: await code('bob') })
  t.match((await visitor.get('/enroll')).body, /Signed in as <strong><bdi>bob/)
  t.match((await before.get('/enroll')).body, /One-time code/)
})

t.test('somebody with more groups than a cookie holds signs in, and keeps them all', async (t) => {
  const enrollment = await enrollmentUnderTest(t)
  const groups = Array.from({ length: 300 }, (_, index) => `A department with a very long name, no. ${index}`)
  const visitor = enrollment.browser()
  const profile = await visitor.profile(await codeFor(enrollment, { name: 'alice', groups }))
  t.ok(profile.length > 0)
  for (const [name, value] of visitor.cookies) t.ok(name.length + value.length < 4000, name)
  t.strictSame((await enrollment.store.enrolledPeople.of(['alice'])).get('alice')?.groups, groups)
})

t.test('one sign-in does not get profiles without end', async (t) => {
  const { browser, code } = await enrollmentUnderTest(t, { enrollment: 'signIn: { attempts: 3 }' })
  const visitor = browser()
  await visitor.profile(await code())
  const statuses = []
  for (const path of ['/enroll/direct', '/enroll/profile', '/enroll/direct', '/enroll/profile'])
    statuses.push((await visitor.get(path)).status)
  t.strictSame(statuses, [200, 200, 429, 429])
  const computer = browser()
  computer.userAgent = windows
  const shown = [(await computer.signIn(await code('bob'))).status]
  while (shown.length < 4) shown.push((await computer.get('/enroll')).status)
  t.strictSame(shown, [200, 200, 200, 429], 'nor links to go on with on a phone')
})

t.test('a sign-in that came from another screen goes on to no third device', async (t) => {
  const { browser, store } = await enrollmentUnderTest(t)
  const [ticket, at] = ['A'.repeat(43), Date.now()]
  const pass = { id: 'p_1', source: '192.0.2.1', createdAt: at, expiresAt: at + 60_000 }
  const user = { name: 'alice', groups: [] }
  await store.enrollmentPasses.add({ ...pass, kind: 'handover', hash: sha256(`handover ${ticket}`), user })
  const computer = browser()
  computer.userAgent = windows
  await computer.submit(await computer.get(`/enroll/continue?ticket=${ticket}`), '/enroll/continue')
  const { body } = await computer.get('/enroll')
  t.match(body, /Signed in as <strong><bdi>alice/)
  t.notMatch(body, /role="img"/)
})

t.test('HEAD says what GET would, and does nothing', async (t) => {
  const { browser, code, store, port, ca } = await enrollmentUnderTest(t)
  const visitor = browser()
  await visitor.profile(await code())
  const before = await store.audit.list({ limit: 50 })
  const cookie = [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const head = (path: string) =>
    ask({ port, host: enrollmentHost, ca, path, method: 'HEAD', headers: { cookie } })
  for (const path of ['/enroll/profile', '/enroll/direct'])
    t.match(await head(path), {
      status: 200,
      headers: { 'content-type': 'application/x-apple-aspen-config' },
    })
  for (const path of ['/enroll/account/sign-in', '/enroll/sign-in/callback', '/enroll/sign-in/start'])
    t.match(await head(path), { status: 405, headers: { allow: 'GET' } }, path)
  t.strictSame(await store.audit.list({ limit: 50 }), before)
  const stranger = { port, host: enrollmentHost, ca, path: '/enroll/profile', method: 'HEAD' }
  t.equal((await ask(stranger)).status, 403)
})

t.test('a device that asks twice at once is answered twice alike', async (t) => {
  const { browser, code, device, publicUrl, ca } = await enrollmentUnderTest(t)
  const phone = await device()
  const profile = readPlistDict(openSigned(await browser().profile(await code())).content)
  const { Challenge } = profile.PayloadContent as { readonly Challenge: string }
  const body = phone.profileServiceMessage(Challenge)
  const answers = await Promise.all(
    Array.from({ length: 6 }, () =>
      deviceRequest(`${publicUrl}/enroll/profile-service`, { method: 'POST', body }, { ca }),
    ),
  )
  t.strictSame(
    answers.map(({ status }) => status),
    Array(6).fill(200),
  )
})

t.test('the window of a device’s own settings ends where the device waits for it', async (t) => {
  const { code, publicUrl } = await enrollmentUnderTest(t, {
    enrollment: 'accountDriven: { mode: adde, managedAppleId: "{user}@example.com" }',
  })
  const context = await chromium(t, { userAgent: iphone })
  const page = await context.newPage()
  const blocked: string[] = []
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) blocked.push(message.text())
  })
  await page.goto(`${publicUrl}/enroll/account/sign-in?user-identifier=alice%40example.com`)
  await page.getByLabel('One-time code').fill(await code())
  await page.getByRole('button', { name: 'Continue' }).click()
  const back = page.waitForResponse((response) => response.status() === 308)
  await page.getByRole('button', { name: 'I agree' }).click()
  t.match((await back).headers().location, /^apple-remotemanagement-user-login:/)
  t.strictSame(blocked, [])
})

t.test(
  'a link into the device’s own window gets no token out of a sign-in that was for something else',
  async (t) => {
    const { browser, code } = await enrollmentUnderTest(t, {
      enrollment: 'accountDriven: { mode: adde, managedAppleId: "{user}@example.com" }',
    })
    const visitor = browser()
    await visitor.profile(await code())
    const followed = await visitor.get('/enroll/account/sign-in')
    t.match(followed, { status: 200, body: /I agree/ }, 'asked once more')
    const agreed = await visitor.submit(followed, '/enroll/agree')
    t.equal((await visitor.get(String(agreed.headers.location))).status, 308)
    t.match(await visitor.get('/enroll/account/sign-in'), { status: 200, body: /I agree/ }, 'each time')
  },
)

t.test('nor does one sign-in get tokens without end', async (t) => {
  const { browser, code } = await enrollmentUnderTest(t, {
    enrollment:
      'signIn: { attempts: 1 }\naccountDriven: { mode: adde, managedAppleId: "{user}@example.com" }',
  })
  const visitor = browser()
  await visitor.signIn(await code())
  const token = async () => {
    const agreed = await visitor.submit(await visitor.get('/enroll/account/sign-in'), '/enroll/agree')
    return (await visitor.get(String(agreed.headers.location))).status
  }
  t.strictSame([await token(), await token()], [308, 429])
})

t.test(
  'whatever is asked for in a way that HTTP does not know, the answer is ours and says nothing back',
  async (t) => {
    const { port, ca } = await enrollmentUnderTest(t)
    const raw = (text: string) =>
      new Promise<string>((resolve, reject) => {
        const socket = connect({ host: '127.0.0.1', port, ca, servername: enrollmentHost })
        let answer = ''
        socket.on('data', (chunk) => (answer += chunk.toString('latin1')))
        socket.on('end', () => resolve(answer))
        socket.on('error', reject)
        socket.write(text)
      })
    for (const line of [
      'GET /%zzalert(1)',
      'DELETE /alert(1)',
      'OPTIONS *',
      'PATCH /enroll',
      'GET /enroll%00',
    ]) {
      const answer = await raw(`${line} HTTP/1.1\r\nHost: ${enrollmentHost}\r\nConnection: close\r\n\r\n`)
      t.match(answer, /^HTTP\/1\.1 (400|404|405) /, line)
      t.match(answer, /cache-control: no-store/i, line)
      t.match(answer, /x-content-type-options: nosniff/i, line)
      t.notMatch(answer, /alert\(1\)|fastify|Route /, line)
    }
  },
)

import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { deviceRequest, ServerRefused } from '../../sim/apple/connection.ts'
import { openSigned, signedMessage } from '../../sim/apple/messages.ts'
import { issueCertificate } from '../../sim/certificates.ts'
import { refusals } from '../../src/enrollment/refusals.ts'
import { readPlistDict } from '../../src/lib/plist/read.ts'
import { writePlist } from '../../src/lib/plist/write.ts'
import { type EnrollmentUnderTest, enrollmentHost, enrollmentUnderTest } from '../helpers/enrollment.ts'
import { ask, form } from '../helpers/http-client.ts'

async function refused(work: Promise<unknown>): Promise<ServerRefused['answer']> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof ServerRefused)) throw new Error('this was not refused', { cause: error })
  return error.answer
}

function challengeOf(profile: Buffer): string {
  const { PayloadContent } = readPlistDict(openSigned(profile).content)
  return (PayloadContent as { readonly Challenge: string }).Challenge
}

async function post({ publicUrl, ca }: EnrollmentUnderTest, body: Buffer) {
  const answer = await deviceRequest(`${publicUrl}/enroll/profile-service`, { method: 'POST', body }, { ca })
  return { status: answer.status, text: answer.body.toString('utf8') }
}

/** Nothing was issued and nobody is enrolled. */
async function nothingHappened(t: Test, { store }: EnrollmentUnderTest): Promise<void> {
  t.strictSame(await store.enrollments.list({ limit: 10 }), [])
  t.strictSame(await store.certificates.list({ limit: 10, purpose: 'device' }), [])
}

t.test('a challenge is good for one device, which may repeat itself', async (t) => {
  const enrollment = await enrollmentUnderTest(t)
  const { browser, code, device, store } = enrollment
  const profile = await browser().profile(await code())
  const [phone, another] = [await device(), await device()]
  const challenge = challengeOf(profile)
  const first = await post(enrollment, phone.profileServiceMessage(challenge))
  t.equal(first.status, 200)
  t.equal(
    (await post(enrollment, phone.profileServiceMessage(challenge))).status,
    200,
    'an answer that was lost',
  )
  const { udid, serial } = phone.options
  for (const other of [another, await device({ udid, serial })]) {
    const answer = await refused(other.install(profile))
    t.equal(answer.status, 403)
    t.match(answer.body.toString(), /Another device has enrolled with it/)
  }
  await phone.install(profile)
  t.strictSame(
    (await store.enrollments.list({ limit: 10 })).map(({ id }) => id),
    [phone.options.udid],
  )
})

t.test('without a challenge of ours, nothing begins', async (t) => {
  const enrollment = await enrollmentUnderTest(t)
  const { browser, code, device } = enrollment
  const phone = await device()
  t.match(await post(enrollment, phone.profileServiceMessage(undefined)), {
    status: 403,
    text: /one-time challenge/,
  })
  t.match(await post(enrollment, phone.profileServiceMessage('A'.repeat(43))), {
    status: 403,
    text: /none of ours/,
  })
  const handover = challengeOf(await browser().profile(await code()))
  const stranger = await issueCertificate({
    commonName: 'stranger',
    use: 'client',
    notBefore: Date.now(),
    days: 1,
  })
  t.match(
    await post(enrollment, phone.profileServiceMessage(handover, stranger)),
    { status: 403, text: /neither by an Apple device/ },
    'whom no Apple CA has signed',
  )
  await nothingHappened(t, enrollment)
})

t.test('malformed messages are refused with a reason and without effect', async (t) => {
  const enrollment = await enrollmentUnderTest(t)
  const { browser, code, device } = enrollment
  const phone = await device()
  const challenge = challengeOf(await browser().profile(await code()))
  const good = phone.profileServiceMessage(challenge)
  const { builtIn } = phone.options
  const sign = (content: string | Buffer) => signedMessage(Buffer.from(content), builtIn)
  const entity =
    '<?xml version="1.0"?><!DOCTYPE plist [<!ENTITY a "x">]><plist version="1.0"><dict><key>UDID</key><string>&a;</string></dict></plist>'
  const wrong: Readonly<Record<string, Buffer>> = {
    nothing: Buffer.alloc(0),
    noise: Buffer.from('what is this?'),
    'cut short': good.subarray(0, -40),
    'a changed signature': Buffer.concat([good.subarray(0, -1), Buffer.from([good.at(-1)! ^ 1])]),
    'a changed content': Buffer.from(good.toString('latin1').replace('iPhone15,2', 'iPhone99,9'), 'latin1'),
    'an XML entity': sign(entity),
    'a binary property list': sign('bplist00'),
    'arrays without end': sign(`<plist version="1.0">${'<array>'.repeat(20_000)}`),
    'no UDID': sign(writePlist({ CHALLENGE: challenge, SERIAL: 'X' })),
    'a UDID with control characters': sign(writePlist({ CHALLENGE: challenge, UDID: 'a\nb' })),
    'a UDID that could be a channel of another device': sign(
      writePlist({ CHALLENGE: challenge, UDID: 'A1B2:alice' }),
    ),
    'a UDID that is a name of ours': sign(
      writePlist({ CHALLENGE: challenge, UDID: 'enrollment-p_0123456789' }),
    ),
    'an endless UDID': sign(writePlist({ CHALLENGE: challenge, UDID: 'a'.repeat(5000) })),
    'a name that writes on the terminal': sign(
      writePlist({ CHALLENGE: challenge, UDID: 'A1', DEVICE_NAME: '\u009b2J' }),
    ),
    'an endless name': sign(writePlist({ CHALLENGE: challenge, UDID: 'A1', DEVICE_NAME: 'a'.repeat(257) })),
    'too much': Buffer.alloc(300_000, 0x30),
  }
  for (const [what, body] of Object.entries(wrong)) {
    const { status, text } = await post(enrollment, body)
    t.match(String(status), what === 'too much' ? /^413$/ : /^(400|403)$/, what)
    t.match(text, /Reference: \w+/, what)
  }
  await nothingHappened(t, enrollment)
  t.equal((await post(enrollment, good)).status, 200, 'the challenge was not used up by any of them')
})

t.test(
  'phases are told apart by the signer: an identity of ours may not begin, and finishes its own session alone',
  async (t) => {
    const enrollment = await enrollmentUnderTest(t)
    const { browser, code, device, store } = enrollment
    const phone = await device()
    await phone.install(await browser().profile(await code()))
    const challenge = challengeOf(await browser().profile(await code('bob')))
    const message = phone.profileServiceMessage(challenge, phone.identity)
    t.match(await post(enrollment, message), { status: 403, text: /neither by an Apple device/ })
    const before = (await store.certificates.list({ limit: 50, purpose: 'device' })).length
    t.equal(before, 2, 'the identity of the session and the one that it is managed with')
  },
)

t.test('pages come in their order, and forms from our own pages alone', async (t) => {
  const enrollment = await enrollmentUnderTest(t)
  const { browser, code, port, ca } = enrollment
  const visitor = browser()
  for (const path of ['/enroll/profile', '/enroll/direct', '/enroll/install'])
    t.match(await visitor.get(path), { status: 403, body: /Sign in first/ }, path)
  const consent = await visitor.signIn(await code())
  t.match(consent.body, /will be able to do/)
  for (const path of ['/enroll/profile', '/enroll/direct', '/enroll/install'])
    t.match(await visitor.get(path), { status: 403, body: /Agree first/ }, path)
  const cookie = [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const at = { port, host: enrollmentHost, ca, path: '/enroll/agree', method: 'POST' }
  t.match(await ask({ ...at, headers: { ...form, cookie }, body: '' }), { status: 403 }, 'no token')
  const page = await visitor.get('/enroll')
  const token = /name="form" value="([^"]+)"/.exec(page.body)?.[1] ?? ''
  const foreign = { ...form, cookie, origin: 'https://evil.example' }
  t.equal((await ask({ ...at, headers: foreign, body: `form=${token}` })).status, 403, 'another site')
  const crossed = { ...form, cookie, 'sec-fetch-site': 'cross-site' }
  t.equal((await ask({ ...at, headers: crossed, body: `form=${token}` })).status, 403, 'and says so')
  const twice = { ...at, headers: { ...form, cookie }, body: `form=${token}&form=${token}` }
  t.equal((await ask(twice)).status, 400, 'a field that could be read in two ways')
  const text = { ...at, headers: { 'content-type': 'text/plain', cookie }, body: `form=${token}` }
  t.equal((await ask(text)).status, 400, 'what a script of another site may send')
  const stranger = browser()
  await stranger.get('/enroll')
  const theirs = [...stranger.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  t.equal((await ask({ ...at, headers: { ...form, cookie: theirs }, body: `form=${token}` })).status, 403)
  t.match(await visitor.get('/enroll/nothing'), { status: 404 })
  t.match(await visitor.get('/enroll/agree'), { status: 405 })
})

t.test('no other site signs somebody in or out: each form needs its token', async (t) => {
  const folder = t.testdir({ secret: 'look-up' })
  const ldap = `{ servers: ["ldaps://127.0.0.1:9"], bindDn: "cn=x", bindPassword: { file: ${folder}/secret }, searchBase: "dc=x" }`
  const enrollment = await enrollmentUnderTest(t, { enrollment: `signIn: { codes: true, ldap: ${ldap} }` })
  const { browser, code, port, ca } = enrollment
  const computer = browser()
  await computer.signIn(await code())
  const cookie = [...computer.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  for (const [action, fields] of [
    ['code', { code: await code('mallory') }],
    ['sign-in', { username: 'mallory', password: 'x' }],
    ['continue', { ticket: 'A'.repeat(43) }],
    ['sign-out', {}],
    ['agree', {}],
  ] as const) {
    const body = new URLSearchParams(fields).toString()
    const at = { port, host: enrollmentHost, ca, path: `/enroll/${action}`, method: 'POST' }
    const answer = await ask({ ...at, headers: { ...form, cookie, accept: 'text/html' }, body })
    t.match(answer, { status: 403, body: /This page has expired/ }, action)
  }
  t.match((await computer.get('/enroll')).body, /Signed in as <strong><bdi>alice/)
  t.equal((await computer.get('/enroll/install')).status, 403)
})

t.test('a code is good once, and guessing ends', async (t) => {
  const enrollment = await enrollmentUnderTest(t, { enrollment: 'signIn: { attempts: 1 }' })
  const { browser, code } = enrollment
  const once = await code()
  t.match((await browser().signIn(once)).body, /will be able to do/)
  t.match(await browser().signIn(once), { status: 403, body: /has been used/ })
  const answers = await Promise.all(Array.from({ length: 20 }, () => browser().signIn('AAAA-BBBB-CCCC')))
  const tooMany = answers.find(({ status }) => status === 429)
  t.match(tooMany, { headers: { 'retry-after': '300' }, body: /Too many attempts/ })
})

t.test('links from screens are not guessed without end either', async (t) => {
  const { browser } = await enrollmentUnderTest(t, { enrollment: 'signIn: { attempts: 1 }' })
  const visitor = browser()
  const page = await visitor.get(`/enroll/continue?ticket=${'A'.repeat(43)}`)
  const guess = () => visitor.submit(page, '/enroll/continue')
  const answers = await Promise.all(Array.from({ length: 21 }, guess))
  const statuses = Map.groupBy(answers, ({ status }) => status)
  t.strictSame([statuses.get(403)?.length, statuses.get(429)?.length], [20, 1])
})

t.test('where codes are not a way to sign in, a good one is none', async (t) => {
  const secret = t.testdir({ secret: 'look-up' })
  const ldap = `{ servers: ["ldaps://127.0.0.1:9"], bindDn: "cn=x", bindPassword: { file: ${secret}/secret }, searchBase: "dc=x" }`
  const enrollment = await enrollmentUnderTest(t, { enrollment: `signIn: { codes: false, ldap: ${ldap} }` })
  const { browser, code, port, ca } = enrollment
  const visitor = browser()
  const token = /name="form" value="([^"]+)"/.exec((await visitor.get('/enroll')).body)?.[1] ?? ''
  const cookie = [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const body = new URLSearchParams({ form: token, code: await code() }).toString()
  const at = { port, host: enrollmentHost, ca, path: '/enroll/code', method: 'POST' }
  const answer = await ask({ ...at, headers: { ...form, cookie }, body })
  t.strictSame([answer.status, answer.cookies], [404, []])
})

t.test('every reason has a page, and stands in the documentation', async (t) => {
  const text = readFileSync(new URL('../../docs/enrollment.md', import.meta.url), 'utf8')
  for (const [code, { title, sentence, advice, status }] of Object.entries(refusals)) {
    t.ok(text.includes(`\`${code}\``), code)
    t.ok(title.length > 5 && sentence.endsWith('.') && advice.endsWith('.') && status >= 400, code)
  }
})

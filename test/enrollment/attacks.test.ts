import t from 'tap'
import { ServerRefused } from '../../sim/apple/connection.ts'
import { Cookies } from '../../src/enrollment/web/cookies.ts'
import type { Visit } from '../../src/enrollment/web/visit.ts'
import { enrollmentUnderTest } from '../helpers/enrollment.ts'

t.test('who signs in as himself and names somebody else’s device over the air does not get it', async (t) => {
  const { browser, code, device, store } = await enrollmentUnderTest(t)
  const phone = await device()
  await phone.install(await browser().profile(await code('alice')))
  const { udid, serial } = phone.options
  const before = await store.enrollments.get(udid)
  const fake = await device({ udid, serial })
  await t.rejects(fake.install(await browser().profile(await code('mallory'))), ServerRefused)
  t.strictSame(await store.enrollments.get(udid), before)
  await phone.poll()
})

t.test('a copy of the record signs nobody in', async (t) => {
  const { browser, store } = await enrollmentUnderTest(t)
  const copied = await store.keys.getOrCreate('enrollment', () => '')
  const claims = { sub: 'alice', groups: [], method: 'oidc', agreed: true }
  const [, cookie] = await new Cookies(copied).set('session', claims, { at: Date.now(), seconds: 600 })
  const forger = browser()
  const [name = '', value = ''] = (cookie.split(';')[0] ?? '').split('=')
  forger.cookies.set(name, value)
  for (const path of ['/enroll/direct', '/enroll/profile', '/enroll/install']) {
    const answer = await forger.get(path)
    t.equal(answer.status, 403, path)
    t.match(answer.body, /Sign in first/)
  }
  t.strictSame(await store.certificates.list({ limit: 9, purpose: 'device' }), [])
})

t.test('a cookie is good as what it was set as, alone, and for as long as was said', async (t) => {
  const cookies = new Cookies('c2VjcmV0')
  const at = Date.now()
  const [, set] = await cookies.set('visit', { sub: 'anna' }, { at, seconds: 60 })
  const [field = ''] = set.split(';')
  const visit = (header: string, now = at) => ({ cookies: [header], at: now }) as unknown as Visit // all that is read
  t.match(await cookies.read('visit', visit(field)), { sub: 'anna' })
  t.match(await cookies.read('visit', visit(field, at + 58_000)), { sub: 'anna' })
  t.equal(await cookies.read('visit', visit(field, at + 61_000)), undefined)
  t.equal(await cookies.read('visit', visit(`${field}; ${field}`)), undefined, 'which of the two?')
  const renamed = field.replace(/^[^=]+/, '__Host-gatehouse-enroll')
  t.equal(await cookies.read('session', visit(renamed)), undefined)
})

t.test(
  'pages are kept by nobody, framed by nobody, and take nothing of a request into themselves',
  async (t) => {
    const { browser } = await enrollmentUnderTest(t)
    const paths = [
      '/enroll?x="><script>alert(1)</script>',
      '/enroll/continue?ticket="><script>alert(1)</script>',
      '/enroll/sign-in/callback?error=<script>alert(1)</script>',
      '/%3Cscript%3Ealert(1)%3C/script%3E',
      '//evil.example/',
    ]
    for (const path of paths) {
      const { status, headers, body } = await browser().get(path.replaceAll(/["<>]/g, encodeURIComponent))
      t.notMatch(String(headers.location ?? ''), /evil/, path)
      t.not(status, 401, path)
      t.notMatch(body, /alert\(1\)/, path)
      t.equal(headers['cache-control'], 'no-store', path)
      t.equal(headers['x-content-type-options'], 'nosniff', path)
      t.match(headers['content-security-policy'], /default-src 'none'.*frame-ancestors 'none'/, path)
    }
    const { headers } = await browser().get('/enroll')
    for (const cookie of [headers['set-cookie'] ?? 'none'].flat())
      t.match(cookie, /^__Host-.*; Secure; HttpOnly; Path=\/; SameSite=Lax/)
  },
)

import t from 'tap'
import { chatService, internet } from '../helpers/chat.ts'
import { enrollmentUnderTest } from '../helpers/enrollment.ts'
import { eventually } from '../helpers/eventually.ts'
import { ask, form } from '../helpers/http-client.ts'

const policy = `
registration:
  - { name: Enrolled device, when: { evidence: certificate }, then: allow }
access:
  - { name: Compliant, when: { posture: compliant }, then: allow }
  - { name: Just arrived, when: { posture: unknown, registeredWithin: 1d }, then: allow }
`

t.test(
  'of two phones of one person that are alike, the one without a passcode is shut out, and the other goes on',
  async (t) => {
    const { services } = await chatService(t)
    const enrollment = await enrollmentUnderTest(t, {
      ...{ policy, services },
      settings: 'compliance: { interval: 200ms, brake: { maxNewlyBlocked: 100% } }\n',
    })
    const { store, gateway, browser, code } = enrollment
    const phone = async () => {
      const phone = await enrollment.device()
      await phone.install(await browser().profile(await code('alice')))
      await phone.poll()
      const { certificate: cert, key } = phone.identity!
      const chat = { port: gateway.tls, host: 'chat.localhost', ca: gateway.ca, from: internet, cert, key }
      const body = 'username=alice&password=wonderland'
      const signedIn = await ask({ ...chat, method: 'POST', path: '/login', headers: form, body })
      t.equal(signedIn.status, 302)
      const headers = { cookie: signedIn.cookies.join('; ') }
      const { udid } = phone.options
      return { udid, status: async () => (await ask({ ...chat, path: '/api/messages', headers })).status }
    }
    const [good, open] = [await phone(), await phone()]
    const posture = (udid: string) =>
      eventually(async () => {
        const all = await store.registrations.list({ limit: 9 })
        return all.find(({ posture }) => posture.device === udid)?.posture
      })
    const both = [await posture(good.udid), await posture(open.udid)]
    t.match(both, [{ match: 'exact' }, { match: 'exact' }], 'each by its certificate')
    t.strictSame([await good.status(), await open.status()], [200, 200])
    const values = { PasscodePresent: false, HardwareEncryptionCaps: 3 }
    await store.enrollments.putInventory(open.udid, { part: 'security-info', values, at: Date.now() })
    await eventually(async () => (await open.status()) === 403)
    t.equal((await posture(open.udid)).state, 'noncompliant')
    t.equal((await posture(good.udid)).state, 'compliant')
    t.equal(await good.status(), 200)
  },
)

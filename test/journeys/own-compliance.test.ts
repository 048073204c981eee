import t, { type Test } from 'tap'
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

/** @param compliance its settings */
async function setUp(t: Test, compliance: string) {
  const { services } = await chatService(t)
  const settings = `compliance: ${compliance}\n`
  const { store, gateway, browser, code, device } = await enrollmentUnderTest(t, {
    policy,
    services,
    settings,
  })
  return {
    store,
    /** Alice's next phone, enrolled and signed in. */
    async phone() {
      const phone = await device()
      await phone.install(await browser().profile(await code('alice')))
      const { certificate: cert, key } = phone.identity!
      const chat = { port: gateway.tls, host: 'chat.localhost', ca: gateway.ca, from: internet, cert, key }
      const body = 'username=alice&password=wonderland'
      const signedIn = await ask({ ...chat, method: 'POST', path: '/login', headers: form, body })
      t.equal(signedIn.status, 302)
      const headers = { cookie: signedIn.cookies.join('; ') }
      return {
        udid: phone.options.udid,
        poll: () => phone.poll(),
        status: async () => (await ask({ ...chat, path: '/api/messages', headers })).status,
      }
    },
    /** Of the registration that is taken for this device. */
    posture: (udid: string) =>
      eventually(async () => {
        const all = await store.registrations.list({ limit: 9 })
        return all.find(({ posture }) => posture.device === udid)?.posture
      }),
  }
}

t.test(
  'a device that has just enrolled is not taken for an unmanaged one until the next sweep',
  async (t) => {
    const { store, phone, posture } = await setUp(t, '{ interval: 1h, askAgain: 1h }')
    await eventually(async () => (await store.sweeps.list('gatehouse', 1)).length > 0)
    const { udid, status } = await phone()
    t.match(await posture(udid), { vendor: 'gatehouse' })
    t.equal(await status(), 200)
  },
)

t.test(
  'of two phones of one person that are alike, the one without a passcode is shut out, and the other goes on',
  async (t) => {
    const brake = 'brake: { maxNewlyBlocked: 100% }'
    const { store, phone, posture } = await setUp(t, `{ interval: 200ms, ${brake} }`)
    const [good, open] = [await phone(), await phone()]
    for (const { poll } of [good, open]) await poll()
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

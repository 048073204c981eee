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
  'a device that has just enrolled is not taken for an unmanaged one until the next sweep',
  async (t) => {
    const { services } = await chatService(t)
    const enrollment = await enrollmentUnderTest(t, {
      ...{ policy, services },
      settings: 'compliance: { interval: 1h, askAgain: 1h }\n',
    })
    const { store, gateway, browser, code, device } = enrollment
    await eventually(async () => (await store.sweeps.list('gatehouse', 1)).length > 0)
    const phone = await device()
    await phone.install(await browser().profile(await code('alice')))
    const { certificate: cert, key } = phone.identity!
    const chat = { port: gateway.tls, host: 'chat.localhost', ca: gateway.ca, from: internet, cert, key }
    const body = 'username=alice&password=wonderland'
    const signedIn = await ask({ ...chat, method: 'POST', path: '/login', headers: form, body })
    t.equal(signedIn.status, 302)
    const matched = await eventually(async () => {
      const [state] = await store.registrations.list({ limit: 1 })
      return state?.posture.state !== 'unknown' || state.posture.vendor !== undefined
        ? state?.posture
        : undefined
    })
    t.match(matched, { vendor: 'gatehouse', device: phone.options.udid })
    const headers = { cookie: signedIn.cookies.join('; ') }
    t.equal((await ask({ ...chat, path: '/api/messages', headers })).status, 200)
  },
)

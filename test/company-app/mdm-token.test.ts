import t from 'tap'
import { readRegistered } from '../../sim/launcher.ts'
import { chatBehindGateway, internet, signIn } from '../helpers/chat.ts'
import { companyApp, phoneOf } from '../helpers/company-app.ts'
import { eventually } from '../helpers/eventually.ts'
import { ask, navigation } from '../helpers/http-client.ts'
import { createToken, revokeToken } from '../helpers/mdm-tokens.ts'
import { registrationHost } from '../helpers/registration-address.ts'

/** The app alone is not enough: its MDM has to have given it the token. */
const policy = `
registration:
  - { name: App and token, when: { all: [{ evidence: app }, { evidence: mdm-token }] }, then: allow }
access:
  - { name: Just arrived, when: { posture: unknown, registeredWithin: 1d }, then: allow }
`

t.test(
  'a token that the company app shows speaks for the client that it binds, and must stay active',
  async (t) => {
    const app = companyApp(t)
    const { gateway } = await chatBehindGateway(t, { settings: app.section, policy })
    const [old, next] = [await createToken(gateway), await createToken(gateway)]
    const phone = phoneOf(gateway, app.packageKey)
    const contact = async (mdmToken?: string) => {
      const url = new URL(`https://${registrationHost}:${gateway.tls}/.gatehouse/app/register`)
      const body = JSON.stringify({
        ...JSON.parse(phone.contact()),
        ...(mdmToken !== undefined && { mdmToken }),
      })
      const headers = { ...phone.signContact(url, body), 'content-type': 'application/json' }
      return readRegistered(await phone.send('POST', url, headers, body)).links[0]?.url ?? ''
    }
    const browse = async (link: string) => {
      const { pathname, search } = new URL(link, 'https://chat.localhost')
      const target = { port: gateway.tls, host: 'chat.localhost', ca: gateway.ca, from: internet }
      return ask({ ...target, path: pathname + search, headers: navigation })
    }

    const [bareCookie = ''] = (await browse(await contact())).cookies
    t.equal((await signIn(gateway, internet, { cookie: bareCookie })).status, 403, 'the app without a token')

    const link = await eventually(() => contact(old.value))
    const [ticket = ''] = (await browse(link)).cookies
    const bound = await signIn(gateway, internet, { cookie: ticket })
    t.equal(bound.status, 302)
    const cookie = bound.cookies.filter((one) => !one.includes('ticket')).join('; ')
    const { registrations } = await gateway.openStore()
    const [state] = await registrations.list({ limit: 10 })
    t.match(state?.registration, { evidence: ['app', 'mdm-token'], mdmTokenId: old.id })

    await revokeToken(gateway, old.id)
    await eventually(async () => (await signIn(gateway, internet, { cookie })).status === 403)
    const refused = await signIn(gateway, internet, { cookie })
    t.match(await gateway.accessLine(refused.id), { reason: 'token.inactive', mdmToken: old.id })
    await contact(next.value)
    t.ok(await eventually(async () => (await signIn(gateway, internet, { cookie })).status === 302))
  },
)

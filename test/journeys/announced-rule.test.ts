import t from 'tap'
import { chatBehindGateway, internet, signIn, wifi } from '../helpers/chat.ts'
import { evaluationLikePolicy } from '../helpers/gateway-under-test.ts'
import { ask, navigation } from '../helpers/http-client.ts'

/** Holds from the year 2999 on, for whom `when` hits. */
function withComingRule(when: string): string {
  const rule = `  - { name: New rule, from: 2999-01-01, when: { ${when} }, then: { refuse: Install the new certificate first } }`
  return evaluationLikePolicy.replace('access:\n', `access:\n${rule}\n`)
}

async function devicePage(t: Parameters<typeof chatBehindGateway>[0], when: string) {
  const { gateway, target } = await chatBehindGateway(t, { policy: withComingRule(when) })
  const { cookies } = await signIn(gateway, wifi)
  const headers = { ...navigation, cookie: cookies.join('; ') }
  return {
    page: await ask({ ...target, from: internet, path: '/.gatehouse/device', headers }),
    use: await ask({ ...target, from: internet, path: '/api/messages', headers }),
  }
}

t.test(
  'a rule with a start date is announced to those whom it will hit, and does not hit them yet',
  async (t) => {
    const { page, use } = await devicePage(t, 'binding: cookie')
    t.match(page.body, 'From 1 January 2999: Install the new certificate first')
    t.equal(use.status, 200)
  },
)

t.test('nobody else hears of it', async (t) => {
  const { page } = await devicePage(t, 'binding: certificate')
  t.match(page.body, 'It may use this service')
  t.notMatch(page.body, '2999')
})

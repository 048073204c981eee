import t, { type Test } from 'tap'
import { chatBehindGateway, internet, signIn, wifi } from '../helpers/chat.ts'
import { eventually } from '../helpers/eventually.ts'
import { evaluationLikePolicy, type GatewayUnderTest } from '../helpers/gateway-under-test.ts'
import { ask, type ClientAnswer, navigation } from '../helpers/http-client.ts'
import { run } from '../helpers/run.ts'
import { everyByteIn } from './support.ts'

const command = new URL('../../bin/gatehouse', import.meta.url).pathname

/** What `gatehouse explain` says of the reference that this answer shows to its user. */
async function explained(t: Test, gateway: GatewayUnderTest, answer: ClientAnswer) {
  t.match(answer.body, answer.id, 'the reference is shown')
  return eventually(async () => {
    const result = await run(t, [command, 'explain', answer.id], {
      env: { GATEHOUSE_CONFIG: gateway.settingsFile, TZ: 'UTC' },
    })
    return result.stdout === '' ? undefined : result
  })
}

t.test('the reference on a refusal page or problem explains that very refusal', async (t) => {
  const { gateway, target } = await chatBehindGateway(t, {
    policy: `${evaluationLikePolicy}limits: { clientsPerUser: 1 }\n`,
  })
  const problem = await ask({ ...target, from: internet, path: '/api/messages' })
  const ofProblem = await explained(t, gateway, problem)
  t.equal(ofProblem.code, 1)
  t.match(ofProblem.stdout, /device\.redirected/)
  t.match(ofProblem.stdout, /GET \/api\/messages/)
  t.match(ofProblem.stdout, new RegExp(`Source: ${internet}`))
  t.match(ofProblem.stdout, /Everyone else: matches/)

  const cookie = (await signIn(gateway, wifi)).cookies.join('; ')
  const store = await gateway.openStore()
  const [state] = await store.registrations.list({ limit: 1 })
  const id = state?.registration.id ?? ''
  await store.registrations.block(id, { name: 'admin', why: 'lost', at: Date.now() })
  const page = await eventually(async () => {
    const answer = await ask({ ...target, from: internet, headers: { ...navigation, cookie } })
    return answer.status === 403 ? answer : undefined
  })
  const ofPage = await explained(t, gateway, page)
  t.match(ofPage.stdout, /device\.blocked/)
  t.match(ofPage.stdout, new RegExp(id))
})

t.test('a refusal that the upstream’s answer led to is explained by its reference as well', async (t) => {
  const { service, gateway, target } = await chatBehindGateway(t, {
    policy: `${evaluationLikePolicy}limits: { clientsPerUser: 1 }\n`,
  })
  const cookie = (await signIn(gateway, wifi)).cookies.join('; ')
  const second = await signIn(gateway, wifi)
  t.equal(second.status, 403)
  t.strictSame(second.cookies, [], 'the upstream’s session is not given out')
  const limited = await explained(t, gateway, second)
  t.equal(limited.code, 1)
  t.match(limited.stdout, /registration\.limit/)

  await service.close()
  const unreachable = await ask({ ...target, from: internet, path: '/api/messages', headers: { cookie } })
  t.equal(unreachable.status, 502)
  t.match((await explained(t, gateway, unreachable)).stdout, /upstream\.unreachable/)
})

t.test('what a service in monitor mode would have refused is explained too', async (t) => {
  const { gateway, target } = await chatBehindGateway(t, { extra: '    mode: monitor' })
  await ask({ ...target, from: internet, path: '/api/messages' })
  const line = await eventually(() => gateway.log().find(({ monitored }) => monitored === true))
  const result = await eventually(async () => {
    const explanation = await run(t, [command, 'explain', String(line.id)], {
      env: { GATEHOUSE_CONFIG: gateway.settingsFile },
    })
    return explanation.stdout === '' ? undefined : explanation
  })
  t.match(result.stdout, /device\.redirected/)
})

t.test('passwords, cookies and tokens are in no log, record or explanation', async (t) => {
  const { gateway, target } = await chatBehindGateway(t, {
    settings: 'log: { level: trace }\nlimits: { drainFor: 1s }',
  })
  const secrets: string[] = [
    'wonderland',
    'bearer-t0ken-53cret',
    'query-53cret',
    'planted-53cret',
    'YWxpY2U6d29uZGVybGFuZA',
  ]
  const signedIn = await signIn(gateway, wifi)
  secrets.push(...signedIn.cookies.map((cookie) => cookie.slice(cookie.indexOf('=') + 1)))
  const headers = {
    cookie: `${signedIn.cookies.join('; ')}; other=planted-53cret`,
    authorization: 'Bearer bearer-t0ken-53cret',
  }
  const given = { ...target, from: internet, path: '/api/messages?token=query-53cret' }
  t.equal((await ask({ ...given, headers })).status, 200)
  const refused = await ask({ ...given, headers: { ...headers, cookie: 'other=planted-53cret' } })
  t.equal(refused.status, 403)
  await ask({ ...given, headers: { authorization: 'Basic YWxpY2U6d29uZGVybGFuZA==' } })
  await ask({ ...target, from: internet, path: '/login?password=wonderland', headers: navigation })
  await signIn(gateway, internet)
  const text = await explained(t, gateway, refused)
  await gateway.stop()
  const files = everyByteIn(gateway.folder)
  t.match(files, /registration\.created/, 'the record has been read')
  t.match(files, /"msg":"exchange"/, 'the log has been read')
  for (const secret of secrets) {
    t.ok(secret.length > 5)
    t.notOk(files.includes(secret), `${secret} is in no file`)
    t.notOk(text.stdout.includes(secret), `${secret} is not explained`)
  }
})

import t, { type Test } from 'tap'
import { chatBehindGateway, internet, signIn } from '../helpers/chat.ts'
import type { GatewayUnderTest } from '../helpers/gateway-under-test.ts'
import { ask, navigation } from '../helpers/http-client.ts'
import { run } from '../helpers/run.ts'

const command = new URL('../../bin/gatehouse', import.meta.url).pathname
const guests = '127.50.0.7'

const policy = `
networks: { guests: [127.50.0.0/16] }
registration:
  - { name: Contractors, when: { network: guests }, then: approve, help: Ask the help desk. }
access:
  - { name: Just arrived, when: { registeredWithin: 1d }, then: allow }
`

/** The chat with a queue for approval, and a browser's verbs on it. */
async function withApproval(t: Test, settings = 'limits: { drainFor: 1s }') {
  const { service, gateway, target } = await chatBehindGateway(t, { policy, settings })
  return {
    service,
    gateway,
    visit: (cookie = '', from = guests) => ask({ ...target, from, headers: { ...navigation, cookie } }),
    api: (cookie: string, from = internet) =>
      ask({ ...target, from, path: '/api/messages', headers: { cookie } }),
    gatehouse: (...args: readonly string[]) => command_(t, gateway, args),
  }
}

function command_(t: Test, gateway: GatewayUnderTest, args: readonly string[]) {
  return run(t, [command, ...args], { env: { GATEHOUSE_CONFIG: gateway.settingsFile, TZ: 'UTC' } })
}

const waitingId = (stdout: string) => /\ba_\w+/.exec(stdout)?.[0] ?? ''

t.test('carol waits, is approved by the command line, and is registered at her next sign-in', async (t) => {
  const { service, gateway, visit, api, gatehouse } = await withApproval(t)
  const first = await visit()
  t.equal(first.status, 403)
  t.match(first.body, /waits for the approval/)
  t.match(first.body, /Ask the help desk/)
  const waiting = first.cookies.join('; ')
  t.match(waiting, /^__Host-gatehouse-device=/)
  t.equal((await visit(waiting)).status, 403)
  t.equal((await signIn(gateway, guests, { user: 'carol', cookie: waiting })).status, 403)
  t.equal(service.requests.length, 0, 'nothing reaches the service while she waits')

  const pending = await gatehouse('device', 'list', '--pending')
  t.match(pending.stdout, /1 device waiting/, 'she stands in the queue once')
  t.equal((await gatehouse('device', 'approve', waitingId(pending.stdout), '--why', 'ticket 4711')).code, 0)
  t.match((await gatehouse('device', 'list', '--pending')).stdout, /No device waits/)
  t.strictSame(await (await gateway.openStore()).registrations.list({ limit: 1 }), [], 'not yet')
  t.not((await api(waiting)).status, 200, 'the waiting cookie opens nothing from elsewhere')

  const signedIn = await signIn(gateway, guests, { user: 'carol', cookie: waiting })
  t.equal(signedIn.status, 302)
  const device = signedIn.cookies.join('; ')
  t.not(
    device.match(/gatehouse-device=(\S+);?/)?.[1],
    waiting.match(/gatehouse-device=(\S+)/)?.[1],
    'replaced',
  )
  t.equal((await api(device)).status, 200)
  t.equal((await api(waiting)).status, 403, 'the waiting cookie is worth nothing')
  const other = await signIn(gateway, guests, { user: 'bob', cookie: waiting })
  t.equal(other.status, 403, 'an approval registers one device, once')
  const audit = (await gatehouse('audit')).stdout
  for (const told of [/asked for the approval of a_/, /approved a_\w+: ticket 4711/]) t.match(audit, told)
  t.match(audit, /evidence=\S*approval/)
})

t.test('a wrong password registers nothing for an approved device', async (t) => {
  const { gateway, visit, gatehouse } = await withApproval(t)
  const waiting = (await visit()).cookies.join('; ')
  const id = waitingId((await gatehouse('device', 'list', '--pending')).stdout)
  t.equal((await gatehouse('device', 'approve', id, '--why', 'ok')).code, 0)
  const wrong = await signIn(gateway, guests, { user: 'mallory', cookie: waiting })
  t.equal(wrong.status, 401)
  t.notOk(wrong.cookies.some((cookie) => cookie.includes('gatehouse')))
  t.strictSame(await (await gateway.openStore()).registrations.list({ limit: 1 }), [])
  t.equal(
    (await signIn(gateway, guests, { user: 'carol', cookie: waiting })).status,
    302,
    'the approval holds',
  )
})

t.test('a waiting device that an administrator denies is told so and stays out', async (t) => {
  const { service, gateway, visit, gatehouse } = await withApproval(t)
  const waiting = (await visit()).cookies.join('; ')
  const id = waitingId((await gatehouse('device', 'list', '--pending')).stdout)
  t.equal((await gatehouse('device', 'block', id, '--why', 'nobody knows it')).code, 0)
  const denied = await visit(waiting)
  t.equal(denied.status, 403)
  t.match(denied.body, /has not approved this device/)
  t.equal((await signIn(gateway, guests, { user: 'carol', cookie: waiting })).status, 403)
  t.equal(service.requests.length, 0)
})

t.test('the queue of waiting devices is bounded, and has room again when one was decided', async (t) => {
  const { visit, gatehouse } = await withApproval(t, 'limits: { drainFor: 1s, pendingApprovals: 2 }')
  const [first, second, third] = [await visit(), await visit(), await visit()]
  t.equal(first.status, 403)
  t.equal(second.status, 403)
  t.equal(third.status, 503)
  t.match(third.headers['retry-after'], /^\d+$/)
  t.match(third.body, /Too many devices wait/)
  t.equal((await visit(first.cookies.join('; '))).status, 403, 'who waits already keeps the place')
  const id = waitingId((await gatehouse('device', 'list', '--pending')).stdout)
  await gatehouse('device', 'block', id, '--why', 'unknown')
  t.equal((await visit()).status, 403)
})

import { once } from 'node:events'
import { renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import WebSocket from 'ws'
import { chatBehindGateway, internet, signIn, vpn, wifi } from '../helpers/chat.ts'
import { eventually } from '../helpers/eventually.ts'
import { evaluationLikePolicy, type GatewayUnderTest } from '../helpers/gateway-under-test.ts'
import { ask, navigation } from '../helpers/http-client.ts'
import { readiness, readMetric } from './support.ts'

const day = 86_400_000
const dateOf = (time: number) => new Date(time).toISOString().slice(0, 10)

/** Access for everybody who is registered, and these rules before it. */
function policyWith(accessRules: string, rest = ''): string {
  return evaluationLikePolicy.replace('access:\n', `access:\n${accessRules}\n`) + rest
}

const noMessages = '  - { name: No messages, when: { path: /api/messages }, then: { refuse: Not today. } }'

async function put(gateway: GatewayUnderTest, policy: string): Promise<void> {
  writeFileSync(gateway.policyFile, policy)
  await gateway.running.reload()
}

async function registered(gateway: GatewayUnderTest, user = 'alice'): Promise<string> {
  return (await signIn(gateway, wifi, { user })).cookies.join('; ')
}

for (const [how, write] of [
  ['is written', (file: string, text: string) => writeFileSync(file, text)],
  [
    'is replaced by another file',
    (file: string, text: string) => {
      writeFileSync(`${file}.new`, text)
      renameSync(`${file}.new`, file)
    },
  ],
] as const) {
  t.test(`a policy that ${how} is in force without a restart`, async (t) => {
    const { gateway, target } = await chatBehindGateway(t)
    const cookie = await registered(gateway)
    const status = async () =>
      (await ask({ ...target, from: internet, path: '/api/messages', headers: { cookie } })).status
    t.equal(await status(), 200)
    write(gateway.policyFile, policyWith(noMessages))
    await eventually(async () => (await status()) === 403)
    write(gateway.policyFile, evaluationLikePolicy)
    await eventually(async () => (await status()) === 200)
  })
}

t.test(
  'a policy behind a symbolic link is in force when the link is set anew, as Kubernetes does',
  async (t) => {
    const { gateway, target } = await chatBehindGateway(t)
    const cookie = await registered(gateway)
    const { folder, policyFile } = gateway
    const link = (text: string, version: string) => {
      writeFileSync(join(folder, version), text)
      symlinkSync(version, join(folder, '..data_tmp'))
      renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
    }
    link(evaluationLikePolicy, 'v1')
    rmSync(policyFile)
    symlinkSync('..data', policyFile)
    await eventually(async () => (await readMetric(gateway.running.management, unchanged)) === 1)
    link(policyWith(noMessages), 'v2')
    await eventually(
      async () =>
        (await ask({ ...target, from: internet, path: '/api/messages', headers: { cookie } })).status === 403,
    )
  },
)
const unchanged = 'gatehouse_policy_reloads_total{outcome="unchanged"}'

for (const [what, policy, told] of [
  ['is no YAML', 'networks: [', /policy\.yaml:\d+:\d+/],
  ['has a misspelt key', evaluationLikePolicy.replace('network:', 'netwrok:'), /network/],
  [
    'fails its own tests',
    policyWith(
      '',
      'tests:\n  - { name: All are welcome, given: { registered: false, from: 203.0.113.7 }, expect: forward }\n',
    ),
    /All are welcome/,
  ],
  ['registers from everywhere', evaluationLikePolicy.replace('127.20.0.0/16', '0.0.0.0/0'), /every address/],
  [
    'registers from where a trusted proxy is',
    evaluationLikePolicy.replace('127.20.0.0/16', '127.20.0.0/16, 127.77.0.0/16'),
    /trustedProxies/,
  ],
  ['is empty', '', /policy\.yaml/],
] as const) {
  t.test(`a policy that ${what} is not taken: the one before stays, and operators see it`, async (t) => {
    const { gateway, target } = await chatBehindGateway(t, { gateway: '  trustedProxies: [127.77.0.1]' })
    const cookie = await registered(gateway)
    await put(gateway, policyWith(noMessages))
    const status = async () =>
      (await ask({ ...target, from: internet, path: '/api/messages', headers: { cookie } })).status
    t.equal(await status(), 403)
    const { management } = gateway.running
    t.equal(await readMetric(management, 'gatehouse_policy_last_reload_success'), 1)

    await put(gateway, policy)
    t.equal(await status(), 403, 'the one before decides')
    t.equal(await readMetric(management, 'gatehouse_policy_last_reload_success'), 0)
    const { status: ready, parts } = await readiness(management)
    t.equal(ready, 200, 'it still does its work')
    t.equal(parts.policy?.ok, false)
    t.match(parts.policy?.detail, told)
    await eventually(() => gateway.log().find(({ msg }) => /^policy rejected/.test(String(msg))))

    await put(gateway, evaluationLikePolicy)
    t.equal(await status(), 200)
    t.equal(await readMetric(management, 'gatehouse_policy_last_reload_success'), 1)
    t.strictSame((await readiness(management)).parts.policy, { ok: true })
    const audit = await (await gateway.openStore()).audit.list({ limit: 100 })
    const events = audit.map(({ action }) => action).filter((action) => action.startsWith('policy.'))
    // Both the changed file and `reload` may have been the first to see it.
    const steps = events.filter((action, index) => action !== events[index - 1] || action === 'policy.loaded')
    t.strictSame(steps, ['policy.loaded', 'policy.loaded', 'policy.rejected', 'policy.loaded'])
  })
}

t.test('a rule holds from its first day to its last', async (t) => {
  const now = Date.now()
  let ahead = 0
  const { gateway, target } = await chatBehindGateway(t, {
    now: () => now + ahead,
    policy: policyWith(
      `  - { name: Announced, from: ${dateOf(now + 2 * day)}, until: ${dateOf(now + 3 * day)}, when: { path: /api/messages }, then: { refuse: Not today. } }`,
    ).replace('registeredWithin: 1d', 'registeredWithin: 30d'),
  })
  const cookie = await registered(gateway)
  const status = async () =>
    (await ask({ ...target, from: internet, path: '/api/messages', headers: { cookie } })).status
  const midnight = Date.parse(dateOf(now))
  for (const [at, expected] of [
    [now, 200],
    [midnight + 2 * day - 1, 200],
    [midnight + 2 * day, 403],
    [midnight + 4 * day - 1, 403],
    [midnight + 4 * day, 200],
  ] as const) {
    ahead = at - now
    t.equal(await status(), expected, new Date(at).toISOString())
  }
})

t.test('a rule in monitor mode decides nothing, and the log tells what it would have done', async (t) => {
  const { gateway, target } = await chatBehindGateway(t, {
    policy: policyWith(noMessages.replace('{ name', '{ mode: monitor, name')),
  })
  const cookie = await registered(gateway)
  t.equal((await ask({ ...target, from: internet, path: '/api/messages', headers: { cookie } })).status, 200)
  const line = await eventually(() => gateway.log().find(({ path }) => path === '/api/messages'))
  t.match(line, {
    verdict: 'forward',
    rule: 'Just arrived',
    wouldHave: 'refuse',
    wouldHaveRule: 'No messages',
  })
})

t.test(
  'a service in monitor mode lets everything through, and the log tells what would have happened',
  async (t) => {
    const { service, gateway, target } = await chatBehindGateway(t, { extra: '    mode: monitor' })
    const stranger = await ask({ ...target, from: internet, path: '/api/messages' })
    t.equal(stranger.status, 401, 'the service’s own answer')
    const page = await ask({ ...target, from: internet, path: '/', headers: navigation })
    t.equal(page.headers.location, '/login', 'not to the registration address')
    const fromInternet = await signIn(gateway, internet)
    t.strictSame(
      fromInternet.cookies.map((cookie) => cookie.split('=')[0]),
      ['session'],
    )
    const store = await gateway.openStore()
    t.strictSame(await store.registrations.list({ limit: 1 }), [], 'without evidence nobody is registered')

    const cookie = await registered(gateway)
    const [state] = await store.registrations.list({ limit: 1 })
    await store.registrations.block(state?.registration.id ?? '', {
      name: 'admin',
      why: 'lost',
      at: Date.now(),
    })
    await eventually(async () => {
      const before = service.requests.length
      const blocked = await ask({ ...target, from: internet, path: '/api/whoami', headers: { cookie } })
      t.equal(blocked.status, 200)
      t.equal(service.requests.length, before + 1)
      return gateway.log().some(({ reason, monitored }) => reason === 'device.blocked' && monitored === true)
    })
    const line = await eventually(() => gateway.log().find(({ path }) => path === '/api/messages'))
    t.match(line, {
      verdict: 'redirect',
      reason: 'device.redirected',
      rule: 'Everyone else',
      monitored: true,
      status: 401,
    })
  },
)

t.test(
  'a user registers as many clients as the policy allows, and one more after one was forgotten',
  async (t) => {
    const { gateway, target } = await chatBehindGateway(t, {
      policy: policyWith('', 'limits: { clientsPerUser: 2 }\n'),
    })
    await registered(gateway)
    await registered(gateway)
    const third = await signIn(gateway, wifi)
    t.equal(third.status, 403)
    t.match(third.body, 'registration.limit')
    t.strictSame(third.cookies, [])
    t.equal((await signIn(gateway, wifi, { user: 'bob' })).cookies.length, 2, 'another user is not concerned')

    const store = await gateway.openStore()
    const [first] = await store.registrations.list({ user: 'alice', limit: 1 })
    await store.registrations.forget(first?.registration.id ?? '', {
      name: 'admin',
      why: 'sold',
      at: Date.now(),
    })
    const cookie = await registered(gateway)
    t.equal(
      (await ask({ ...target, from: internet, path: '/api/messages', headers: { cookie } })).status,
      200,
    )
  },
)

t.test(
  'service accounts and meeting rooms are exempt by their user and their network, and nobody else is',
  async (t) => {
    const { gateway, target } = await chatBehindGateway(t, {
      policy: policyWith(
        '  - { name: Service account, when: { user: bob }, then: allow, until: 2999-12-31 }\n  - { name: Nobody else, then: { refuse: Only the service account. } }',
      ),
    })
    const [bob, alice] = [await registered(gateway, 'bob'), await registered(gateway, 'alice')]
    const status = async (cookie: string) =>
      (await ask({ ...target, from: internet, path: '/api/messages', headers: { cookie } })).status
    t.equal(await status(bob), 200)
    t.equal(await status(alice), 403)

    await put(
      gateway,
      policyWith(
        '  - { name: Meeting rooms, when: { network: rooms }, then: allow, until: 2999-12-31 }\n  - { name: Nobody else, then: { refuse: Only meeting rooms. } }',
      ).replace('networks: {', 'networks: { rooms: [127.40.0.0/16],'),
    )
    t.equal(await status(alice), 403)
    const room = await ask({
      ...target,
      from: '127.40.0.9',
      path: '/api/messages',
      headers: { cookie: alice },
    })
    t.equal(room.status, 200)
  },
)

t.test(
  'a policy may ask for the VPN at every sign-in: elsewhere the registered device stays signed in only',
  async (t) => {
    const { service, gateway, target } = await chatBehindGateway(t, {
      policy: policyWith(
        '  - { name: Sign in over the VPN, when: { signIn: true, not: { network: vpn } }, then: { redirect: "https://register.localhost" } }',
      ),
    })
    const cookie = (await signIn(gateway, vpn)).cookies.join('; ')
    t.equal(
      (await ask({ ...target, from: internet, path: '/api/messages', headers: { cookie } })).status,
      200,
    )
    const before = service.requests.length
    const elsewhere = await signIn(gateway, internet, { cookie })
    t.equal(elsewhere.status, 403)
    t.match(elsewhere.body, 'access.redirected')
    t.equal(service.requests.length, before, 'the password did not reach the service')
    t.equal((await signIn(gateway, vpn, { cookie })).status, 302)
  },
)

t.test('a reload that changes no decision ends no open connection', async (t) => {
  const { gateway } = await chatBehindGateway(t)
  const cookie = await registered(gateway)
  const socket = new WebSocket(`wss://127.0.0.1:${gateway.tls}/ws`, {
    ca: gateway.ca,
    localAddress: internet,
    // node:tls's; the types of ws do not know that it is passed on.
    ...({ servername: 'chat.localhost' } as object),
    headers: { cookie, host: `chat.localhost:${gateway.tls}` },
  })
  socket.on('error', () => {})
  await once(socket, 'open')
  await put(gateway, policyWith(noMessages))
  await put(gateway, 'colour: blue')
  socket.ping()
  await once(socket, 'pong')
  socket.terminate()
})

import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { internet, wifi } from '../helpers/chat.ts'
import { eventually } from '../helpers/eventually.ts'
import { evaluationLikePolicy } from '../helpers/gateway-under-test.ts'
import { acceptance, installation, upstream } from './support.ts'

const nowhere = 'http://127.0.0.1:9'

for (const range of ['0.0.0.0/0', '::/0', '0.0.0.0/1, 128.0.0.0/1']) {
  t.test(`a gateway that would believe everybody (trustedProxies ${range}) does not start`, async (t) => {
    const one = await installation(t, { upstream: nowhere, gateway: `  trustedProxies: [${range}]` })
    const line =
      readFileSync(one.settingsFile, 'utf8')
        .split('\n')
        .findIndex((text) => text.includes('trustedProxies')) + 1
    const { code, stdout, stderr } = await one.gatehouse('run')
    t.equal(code, 2)
    t.equal(stdout, '', 'nothing ran')
    t.match(stderr, new RegExp(`gatehouse\\.yaml:${line}:\\d+: gateway\\.trustedProxies`))
  })
}

t.test(
  'a policy whose registration network holds a trusted proxy keeps the gateway from starting',
  async (t) => {
    const one = await installation(t, { upstream: nowhere, gateway: '  trustedProxies: [127.20.0.9]' })
    const { code, stderr } = await one.gatehouse('run')
    t.equal(code, 2)
    t.match(stderr, /policy\.yaml:\d+:\d+: .*trustedProxies/)
  },
)

t.test('settings that unfold without end (aliases of aliases) are refused at once', async (t) => {
  const one = await installation(t, { upstream: nowhere })
  const bomb = Array.from({ length: 30 }, (_, level) =>
    level === 0
      ? 'a0: &a0 [x, x, x, x]'
      : `a${level}: &a${level} [${Array(9)
          .fill(`*a${level - 1}`)
          .join(', ')}]`,
  ).join('\n')
  for (const file of [one.settingsFile, one.policyFile]) {
    const before = readFileSync(file, 'utf8')
    writeFileSync(file, `${before}\n${bomb}\n`)
    const { code, stderr } = await one.gatehouse('run')
    t.equal(code, 2)
    t.match(stderr, /alias/)
    t.ok(stderr.length < 20_000)
    writeFileSync(file, before)
  }
})

t.test('a policy with 10,000 address ranges starts, and each of them counts', async (t) => {
  const ranges = Array.from({ length: 10_000 }, (_, index) => `10.${index >> 8}.${index & 255}.0/25`)
  const one = await installation(t, {
    upstream: await upstream(t, (request, response) => {
      request.resume()
      response.writeHead(302, acceptance).end()
    }),
    policy: evaluationLikePolicy.replace('[127.20.0.0/16]', `[${ranges.join(', ')}, 127.20.0.0/16]`),
    gateway: '  trustedProxies: [127.77.0.1]',
  })
  const gateway = await one.start()
  const status = async (source: string) =>
    (await gateway.ask({ from: '127.77.0.1', path: '/login', headers: { 'x-forwarded-for': source } })).status
  for (const inside of ['10.0.0.1', '10.39.15.127', '10.20.30.40']) t.equal(await status(inside), 302, inside)
  for (const outside of ['10.0.0.128', '10.39.16.1', '10.40.0.1'])
    t.equal(await status(outside), 403, outside)
  t.equal((await gateway.signIn(wifi)).status, 302)
})

t.test('a gateway tells what keeps it from listening, and leaves nothing running', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const one = await installation(t, {
    upstream: nowhere,
    listen: ['http://127.0.0.1:0', `http://127.0.0.1:${port}`],
  })
  const { code, stderr } = await one.gatehouse('run')
  t.equal(code, 1)
  t.match(stderr, new RegExp(`cannot listen on 127\\.0\\.0\\.1 port ${port}: another program`))
  t.notMatch(stderr, /at .*\.ts:\d+/, 'in words, without a stack')
})

t.test(
  'two gateways on one record: a registration and a block of one hold in the other within a second',
  async (t) => {
    const one = await installation(t, {
      upstream: await upstream(t, (request, response) => {
        request.resume()
        if (request.url === '/login') response.writeHead(302, acceptance).end()
        else if (request.url !== '/park') response.end('welcome')
      }),
    })
    const [first, second] = await Promise.all([one.start(), one.start()])
    const cookie = (await first.signIn(wifi)).cookies.join('; ')
    const at = (gateway: typeof first) => gateway.ask({ from: internet, headers: { cookie } })
    t.equal((await at(second)).status, 200, 'registered at the one, known to the other')
    t.equal((await at(first)).status, 200)
    const poll = second.ask({ from: internet, path: '/park', headers: { cookie } }).then(
      () => 'answered',
      () => 'cut off',
    )
    await eventually(async () => (await second.metric('gatehouse_open_exchanges')) === 1)

    const store = await one.openStore()
    const [state] = await store.registrations.list({ limit: 1 })
    await store.registrations.block(state?.registration.id ?? '', {
      name: 'admin',
      why: 'lost',
      at: Date.now(),
    })
    // By the notice: long before all that is open is looked at again.
    await eventually(
      async () => (await at(first)).status === 403 && (await at(second)).status === 403,
      15_000,
    )
    t.equal(await poll, 'cut off')
    t.equal((await one.gatehouse('audit', '--verify')).code, 0, 'the audit trail of both is one chain')
  },
)

t.test('a record of several gateways that were killed and restarted is whole', async (t) => {
  const one = await installation(t, {
    upstream: await upstream(t, (request, response) => {
      request.resume()
      response.writeHead(302, acceptance).end()
    }),
  })
  const first = await one.start()
  await first.signIn(wifi)
  await one.gatehouse('bypass', 'chat', '--for', '1m', '--why', 'test')
  await first.kill()
  const second = await one.start()
  await second.signIn(wifi, { user: 'bob' })
  second.child.kill('SIGTERM')
  await second.exited
  const { code, stdout } = await one.gatehouse('audit', '--verify')
  t.equal(code, 0)
  t.match(stdout, /every record fits/)
})

import t from 'tap'
import { accessLogFields } from '../../src/gateway/record.ts'
import { chatBehindGateway, internet, signIn, wifi } from '../helpers/chat.ts'
import { eventually } from '../helpers/eventually.ts'
import type { GatewayUnderTest } from '../helpers/gateway-under-test.ts'
import { ask } from '../helpers/http-client.ts'
import { readMetric } from './support.ts'

function lineOf(gateway: GatewayUnderTest, path: string): Promise<Record<string, unknown>> {
  return eventually(() => gateway.log().find((line) => line.msg === 'exchange' && line.path === path))
}

t.test('the access line tells who, whence, what was decided and how it went', async (t) => {
  const { service, gateway, target } = await chatBehindGateway(t)
  const cookie = (await signIn(gateway, wifi)).cookies.join('; ')
  const upload = await ask({
    ...{ ...target, from: internet, method: 'PUT', path: '/api/files/a?token=53cret' },
    headers: { cookie, 'content-type': 'text/plain' },
    body: 'hello',
  })
  t.equal(upload.status, 201)
  const [state] = await (await gateway.openStore()).registrations.list({ limit: 1 })

  const { time, id, duration, firstByte, ...line } = await lineOf(gateway, '/api/files/a')
  t.match(time, /^\d{4}-\d\d-\d\dT.*Z$/)
  t.match(id, /^\w{6,}$/)
  t.ok(Number(duration) >= 0)
  t.ok(Number(firstByte) >= 0)
  t.strictSame(line, {
    level: 'info',
    msg: 'exchange',
    source: internet,
    sourceFrom: 'peer',
    http: '1.1',
    tls: 'TLSv1.3',
    method: 'PUT',
    host: 'chat.localhost',
    path: '/api/files/a',
    query: '[redacted]',
    service: 'chat',
    client: 'browser',
    binding: 'cookie',
    registration: state?.registration.id,
    user: 'alice',
    posture: 'unknown',
    rule: 'Just arrived',
    verdict: 'forward',
    reason: 'access.allowed',
    status: 201,
    received: 5,
    sent: Buffer.byteLength(upload.body),
    upstream: service.url,
  })
  t.match(await lineOf(gateway, '/login'), {
    verdict: 'register',
    reason: 'registration.allowed',
    rule: 'Certificate Wi-Fi',
    signIn: true,
    user: 'alice',
    source: wifi,
    status: 302,
  })
})

t.test('a line of a refusal says why, and has the reference that the client got', async (t) => {
  const { gateway, target } = await chatBehindGateway(t)
  const refused = await ask({ ...target, from: internet, path: '/api/messages' })
  const line = await gateway.accessLine(refused.id)
  t.match(line, {
    verdict: 'redirect',
    reason: 'device.redirected',
    rule: 'Everyone else',
    status: 403,
    sent: Buffer.byteLength(refused.body),
  })
  t.notOk('upstream' in line)
  const nowhere = await ask({ ...target, host: 'nowhere.localhost', serverName: 'chat.localhost' })
  t.match(await gateway.accessLine(nowhere.id), { verdict: 'none', reason: 'host.unknown', status: 421 })
})

t.test('every field of a line stands in the table of the reference', async (t) => {
  const { gateway, target } = await chatBehindGateway(t)
  const cookie = (await signIn(gateway, wifi)).cookies.join('; ')
  await ask({ ...target, from: internet, path: '/api/messages?a=b', headers: { cookie } })
  await ask({ ...target, from: internet, path: '/refused' })
  await lineOf(gateway, '/refused')
  const known = new Set([...Object.keys(accessLogFields), 'level', 'time', 'msg'])
  const lines = gateway.log().filter(({ msg }) => msg === 'exchange')
  t.strictSame(
    [...new Set(lines.flatMap(Object.keys))].filter((field) => !known.has(field)),
    [],
  )
})

t.test('queries are logged only where the settings ask for it', async (t) => {
  const { gateway, target } = await chatBehindGateway(t, {
    settings: 'log: { queries: true }\nlimits: { drainFor: 1s }',
  })
  await ask({ ...target, from: internet, path: '/api/messages?since=yesterday' })
  t.equal((await lineOf(gateway, '/api/messages')).query, 'since=yesterday')
})

t.test(
  'metrics count exchanges by service, verdict and status, refusals by reason, and registrations',
  async (t) => {
    const { gateway, target } = await chatBehindGateway(t)
    const cookie = (await signIn(gateway, wifi)).cookies.join('; ')
    for (let i = 0; i < 3; i++)
      await ask({ ...target, from: internet, path: '/api/messages', headers: { cookie } })
    for (let i = 0; i < 2; i++) await ask({ ...target, from: internet, path: '/api/messages' })
    const { management } = gateway.running
    const counted = (name: string) => readMetric(management, name)
    await eventually(
      async () =>
        (await counted('gatehouse_exchanges_total{service="chat",verdict="redirect",status="4xx"}')) === 2,
    )
    t.equal(await counted('gatehouse_exchanges_total{service="chat",verdict="forward",status="2xx"}'), 3)
    t.equal(await counted('gatehouse_exchanges_total{service="chat",verdict="register",status="3xx"}'), 1)
    t.equal(await counted('gatehouse_refusals_total{reason="device.redirected"}'), 2)
    t.equal(await counted('gatehouse_registrations_total{service="chat"}'), 1)
    t.equal(await counted('gatehouse_exchange_duration_seconds_count{service="chat"}'), 6)
    t.equal(await counted('gatehouse_open_exchanges'), 0)
  },
)

import { once } from 'node:events'
import { get as httpGet, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { internet, wifi } from '../helpers/chat.ts'
import { eventually } from '../helpers/eventually.ts'
import { acceptance, type GatehouseProcess, installation, upstream } from './support.ts'

/** A service that accepts sign-ins, parks `/slow` until `answer` and `/park` for ever. */
async function started(t: Test, drainFor: string, logTo?: string) {
  let answer = () => {}
  const answered = new Promise<void>((resolve) => {
    answer = resolve
  })
  const arrived: string[] = []
  const address = await upstream(t, async (request, response) => {
    request.resume()
    arrived.push(request.url ?? '')
    if (request.url === '/login') return response.writeHead(302, acceptance).end()
    if (request.url === '/park') return undefined
    if (request.url === '/slow') await answered
    return response.end('complete')
  })
  const one = await installation(t, { upstream: address, settings: `limits: { drainFor: ${drainFor} }` })
  const gateway = await one.start(logTo)
  const cookie = (await gateway.signIn(wifi)).cookies.join('; ')
  return { ...one, gateway, cookie, arrived, answer }
}

/** A request that is on its way; settles with its body, or with the error that broke it off. */
function begin(gateway: GatehouseProcess, path: string, cookie: string): Promise<string> {
  return gateway.ask({ from: internet, path, headers: { cookie } }).then(
    ({ status, body }) => `${status} ${body}`,
    (error: Error) => `broken off: ${error.message}`,
  )
}

t.test('SIGTERM: not ready, no new connections, and a running request ends in peace', async (t) => {
  const { gateway, cookie, arrived, answer } = await started(t, '60s')
  t.match(await gateway.ready(), { status: 200, draining: false, parts: { gateway: { ok: true } } })
  const running = begin(gateway, '/slow', cookie)
  await eventually(() => arrived.includes('/slow'))
  gateway.child.kill('SIGTERM')
  await eventually(async () => {
    const { status, draining } = await gateway.ready()
    return status === 503 && draining
  })
  t.equal((await fetch(`${gateway.management}/healthz`)).status, 200, 'alive all the same')
  await t.rejects(gateway.ask({ from: internet, path: '/', headers: { cookie } }), { code: 'ECONNREFUSED' })
  answer()
  t.equal(await running, '200 complete')
  t.strictSame(await gateway.exited, [0, null])
})

t.test('SIGTERM: a long poll is cut off when drainFor is over, and the exit is a clean one', async (t) => {
  const { gateway, cookie, arrived } = await started(t, '300ms')
  const poll = begin(gateway, '/park', cookie)
  await eventually(() => arrived.includes('/park'))
  gateway.child.kill('SIGTERM')
  t.match(await poll, /broken off/)
  t.strictSame(await gateway.exited, [0, null])
  t.ok(
    gateway.log.some(({ path }) => path === '/park'),
    'its access line is written',
  )
})

t.test('a device that is blocked while the gateway drains is cut off then', async (t) => {
  const { gateway, cookie, arrived, openStore } = await started(t, '60s')
  const poll = begin(gateway, '/park', cookie)
  await eventually(() => arrived.includes('/park'))
  gateway.child.kill('SIGTERM')
  await eventually(async () => (await gateway.ready()).draining)
  const store = await openStore()
  const [state] = await store.registrations.list({ limit: 1 })
  await store.registrations.block(state?.registration.id ?? '', {
    name: 'admin',
    why: 'lost',
    at: Date.now(),
  })
  t.match(await poll, /broken off/)
  t.strictSame(await gateway.exited, [0, null], 'and then there is nothing left to wait for')
})

for (const [signal, code] of [
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const) {
  t.test(`a second ${signal} ends at once with ${code}`, async (t) => {
    const { gateway, cookie, arrived } = await started(t, '60s')
    const poll = begin(gateway, '/park', cookie)
    await eventually(() => arrived.includes('/park'))
    gateway.child.kill(signal)
    await eventually(async () => (await gateway.ready()).draining)
    gateway.child.kill(signal)
    t.strictSame(await gateway.exited, [code, null])
    t.match(await poll, /broken off/)
  })
}

t.test(
  'the management listener serves operators’ pages, and the users’ listeners none of them',
  async (t) => {
    const { gateway } = await started(t, '1s')
    for (const path of ['/healthz', '/readyz', '/metrics']) {
      t.equal((await fetch(gateway.management + path)).status, 200)
      for (const host of ['chat.localhost', 'register.localhost', new URL(gateway.management).host]) {
        const request = httpGet({
          port: gateway.plain,
          host: '127.0.0.1',
          path,
          headers: { host },
          agent: false,
        })
        const [response] = (await once(request, 'response')) as [IncomingMessage]
        t.not(response.statusCode, 200, `${host}${path}`)
        t.notMatch(await text(response), /gatehouse_|alive/)
      }
    }
  },
)

t.test('a log that nobody takes any more does not end the gateway', async (t) => {
  const { gateway, cookie, arrived } = await started(t, '1s')
  gateway.child.stdout?.destroy()
  // More than is kept in memory before it is written.
  for (let request = 0; request < 60; request++) {
    t.equal((await gateway.ask({ from: internet, path: '/api', headers: { cookie } })).status, 200)
  }
  t.equal(arrived.length, 61)
  gateway.child.kill('SIGTERM')
  t.strictSame(await gateway.exited, [0, null])
})

t.test(
  'a log that cannot be written ends neither the gateway nor keeps it from ending; readiness says so',
  async (t) => {
    const { gateway, cookie } = await started(t, '1s', '/dev/full')
    for (let request = 0; request < 100; request++) {
      t.equal((await gateway.ask({ from: internet, path: '/api', headers: { cookie } })).status, 200)
    }
    await eventually(async () => (await gateway.ready()).parts.log?.ok === false)
    t.match(await gateway.ready(), { status: 200, parts: { log: { detail: /ENOSPC/ } } })
    gateway.child.kill('SIGTERM')
    t.strictSame(await gateway.exited, [0, null])
  },
)

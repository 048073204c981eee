import { once } from 'node:events'
import t from 'tap'
import WebSocket from 'ws'
import { chatBehindGateway, internet, signIn, wifi } from '../helpers/chat.ts'
import { eventually } from '../helpers/eventually.ts'
import type { GatewayUnderTest } from '../helpers/gateway-under-test.ts'
import { ask } from '../helpers/http-client.ts'
import { run } from '../helpers/run.ts'
import { readMetric } from './support.ts'

const command = new URL('../../bin/gatehouse', import.meta.url).pathname

function gatehouse(t: Parameters<typeof run>[0], gateway: GatewayUnderTest, ...args: readonly string[]) {
  return run(t, [command, ...args], { env: { GATEHOUSE_CONFIG: gateway.settingsFile, TZ: 'UTC' } })
}

/** A WebSocket of a browser that is signed in at the service and not registered at the gateway. */
async function openUnregistered(gateway: GatewayUnderTest): Promise<WebSocket> {
  const session = (await signIn(gateway, internet)).cookies.join('; ')
  const socket = new WebSocket(`wss://127.0.0.1:${gateway.tls}/ws`, {
    ca: gateway.ca,
    localAddress: internet,
    // node:tls's; the types of ws do not know that it is passed on.
    ...({ servername: 'chat.localhost' } as object),
    headers: { cookie: session, host: `chat.localhost:${gateway.tls}` },
  })
  socket.on('error', () => {})
  await once(socket, 'open')
  return socket
}

const metric = 'gatehouse_bypass_active{service="chat"}'

/** Milliseconds, less than the half minute after which all that is open is looked at again: a change is heard of before. */
const soon = 15_000

t.test(
  'a bypass by the command line lets everybody in, is seen, is audited, and ends on command',
  async (t) => {
    const { gateway, target } = await chatBehindGateway(t)
    const status = async () => (await ask({ ...target, from: internet, path: '/api/messages' })).status
    t.equal(await status(), 403)

    const opened = await gatehouse(t, gateway, 'bypass', 'chat', '--for', '5m', '--why', 'MDM outage')
    t.equal(opened.code, 0)
    await eventually(async () => (await status()) === 401, soon)
    const line = await eventually(() => gateway.log().find(({ reason }) => reason === 'bypass.active'))
    t.match(line, { verdict: 'forward', source: internet, service: 'chat' })
    t.equal(await readMetric(gateway.running.management, metric), 1)
    t.match((await gatehouse(t, gateway, 'bypass', '--list')).stdout, /chat .*MDM outage/)
    const registered = await (await gateway.openStore()).registrations.list({ limit: 10 })
    t.strictSame(registered, [], 'who gets in by a bypass is not registered by it')

    const socket = await openUnregistered(gateway)
    const closed = once(socket, 'close')
    const ended = await gatehouse(t, gateway, 'bypass', 'chat', '--end', '--why', 'over')
    t.equal(ended.code, 0)
    await closed
    t.equal(await status(), 403)
    t.equal(await readMetric(gateway.running.management, metric), undefined)
    const audit = (await gatehouse(t, gateway, 'audit')).stdout
    t.match(audit, /opened a bypass of chat.*MDM outage/)
    t.match(audit, /bypass of chat.*over/)
  },
)

t.test('a bypass ends by itself, and cuts off at its end what it alone let through', async (t) => {
  const { gateway, target } = await chatBehindGateway(t)
  const registered = (await signIn(gateway, wifi, { user: 'bob' })).cookies.join('; ')
  const store = await gateway.openStore()
  const at = Date.now()
  const until = at + 8_000
  await store.bypasses.open({ service: 'chat', until, by: { name: 'admin', why: 'test', at } })
  await eventually(
    async () => (await ask({ ...target, from: internet, path: '/api/messages' })).status === 401,
    soon,
  )
  const socket = await openUnregistered(gateway)
  const ofRegistered = new WebSocket(`wss://127.0.0.1:${gateway.tls}/ws`, {
    ca: gateway.ca,
    localAddress: internet,
    ...({ servername: 'chat.localhost' } as object),
    headers: { cookie: registered, host: `chat.localhost:${gateway.tls}` },
  })
  ofRegistered.on('error', () => {})
  await once(ofRegistered, 'open')
  await once(socket, 'close', { signal: AbortSignal.timeout(Math.max(0, until - Date.now()) + soon) })
  t.ok(Date.now() >= until, 'not before its end')
  t.equal(ofRegistered.readyState, WebSocket.OPEN, 'a registered device does not notice')
  ofRegistered.terminate()
  t.equal((await ask({ ...target, from: internet, path: '/api/messages' })).status, 403)
  t.equal(await readMetric(gateway.running.management, metric), undefined)
})

t.test('a bypass opens nothing to a device that an administrator has blocked', async (t) => {
  const { gateway, target } = await chatBehindGateway(t)
  const cookie = (await signIn(gateway, wifi)).cookies.join('; ')
  const store = await gateway.openStore()
  const [state] = await store.registrations.list({ limit: 1 })
  const id = state?.registration.id ?? ''
  t.equal((await gatehouse(t, gateway, 'device', 'block', id, '--why', 'stolen')).code, 0)
  t.equal((await gatehouse(t, gateway, 'bypass', 'chat', '--for', '5m', '--why', 'outage')).code, 0)
  await eventually(async () => (await ask({ ...target, from: internet, path: '/' })).status === 302, soon)
  const blocked = await ask({ ...target, from: internet, path: '/api/messages', headers: { cookie } })
  t.equal(blocked.status, 403)
  t.match(blocked.body, 'device.blocked')
})

/** What the tests of the cut-off share: every kind of connection, and every way in which a device loses its right. */
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { get } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { internet } from '../helpers/chat.ts'
import { eventually } from '../helpers/eventually.ts'
import { acceptance, type GatehouseProcess } from '../operations/support.ts'
import { knownDevice, type Machine, type Site } from './support.ts'

/**
 * The promise is a second, and `npm run bench` measures it. Here the machine may be busy with others: it must only be less than
 * the half minute after which all that is open is looked at again.
 */
const bound = 15_000

/** Takes every sign-in, holds `/poll` and WebSockets open. */
export async function longConversations(t: Test): Promise<string> {
  const server = createServer((request, response) => {
    request.resume()
    if (request.url === '/login') return response.writeHead(302, acceptance).end()
    if (request.url !== '/poll') return response.end('welcome')
    return response.write('parked')
  })
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket) => socket.send('hello'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets.clients) socket.terminate()
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}` // it listens on TCP
}

interface Open {
  readonly kind: string
  readonly ended: () => boolean
}

export async function longPoll(
  t: Test,
  { tls }: GatehouseProcess,
  ca: string,
  cookie: string,
): Promise<Open> {
  const request = get({
    ...{
      host: '127.0.0.1',
      port: tls,
      localAddress: internet,
      agent: false,
      servername: 'chat.localhost',
      ca,
    },
    ...{ path: '/poll', headers: { host: `chat.localhost:${tls}`, cookie } },
  })
  t.teardown(() => request.destroy())
  request.on('error', () => {})
  let ended = false
  request.once('close', () => {
    ended = true
  })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  response.on('error', () => {})
  if (response.statusCode !== 200) throw new Error(`refused: ${response.statusCode}`)
  await once(response, 'data')
  return { kind: 'long poll', ended: () => ended }
}

async function webSocket(t: Test, { tls }: GatehouseProcess, ca: string, cookie: string): Promise<Open> {
  const socket = new WebSocket(`wss://127.0.0.1:${tls}/socket`, {
    ...{ localAddress: internet, ca, servername: 'chat.localhost' },
    headers: { host: `chat.localhost:${tls}`, cookie },
  })
  t.teardown(() => socket.terminate())
  socket.on('error', () => {})
  await once(socket, 'message')
  return { kind: 'WebSocket', ended: () => socket.readyState === WebSocket.CLOSED }
}

async function stream(t: Test, { tls }: GatehouseProcess, ca: string, cookie: string): Promise<Open> {
  const session = connectHttp2(`https://chat.localhost:${tls}`, {
    ...{ ca, host: '127.0.0.1', localAddress: internet, servername: 'chat.localhost' },
  })
  t.teardown(() => session.destroy())
  session.on('error', () => {})
  const request = session.request({ ':path': '/poll', cookie })
  request.on('error', () => {})
  let ended = false
  request.once('close', () => {
    ended = true
  })
  await once(request, 'data')
  return { kind: 'HTTP/2 stream', ended: () => ended }
}

/** Some of each kind, so that every process of every machine has them. */
async function openEverywhere(
  t: Test,
  machines: readonly Machine[],
  cookie: string,
): Promise<readonly Open[]> {
  const opened: Open[] = []
  for (const { gateway, one } of machines) {
    for (let n = 0; n < 4; n++) {
      opened.push(await longPoll(t, gateway, one.ca, cookie))
      opened.push(await webSocket(t, gateway, one.ca, cookie))
      opened.push(await stream(t, gateway, one.ca, cookie))
    }
  }
  return opened
}

/** From the commit that `change` waits for to the last connection that has ended. */
async function cutOff(t: Test, opened: readonly Open[], change: () => Promise<unknown>): Promise<void> {
  await change()
  const begin = performance.now()
  await eventually(() => opened.every(({ ended }) => ended()), 20_000).catch(() => {})
  const took = Math.round(performance.now() - begin)
  t.strictSame(
    opened.filter(({ ended }) => !ended()).map(({ kind }) => kind),
    [],
    'none is left',
  )
  t.comment(`${opened.length} connections ended within ${took} ms of the change`)
  t.ok(took < bound)
}

const anna = { name: 'test', why: 'lost in a taxi' }

/** Every way in which a device loses its right, each with a device of its own. */
export async function everyChange(t: Test, one: Site): Promise<void> {
  const { machines } = one
  const last = machines.at(-1)
  if (last === undefined) throw new Error('no machine')
  const store = await one.openStore()
  const idOf = async (user: string) =>
    (await store.registrations.list({ user, limit: 1 }))[0]?.registration.id ?? ''
  const bystander = await openEverywhere(t, machines, await knownDevice(one, 'carol'))
  const ways: Readonly<Record<string, (id: string) => Promise<unknown>>> = {
    'a block by the command line of another machine': (id) =>
      last.one.gatehouse('device', 'block', id, '--why', 'lost'),
    'a block in the record, made by another program': (id) =>
      store.registrations.block(id, { ...anna, at: Date.now() }),
    'a posture that a worker has found': (id) =>
      store.postures.set([{ id, posture: { state: 'noncompliant', match: 'exact', vendor: 'mdm' } }], {
        name: 'mdm',
        at: Date.now(),
      }),
    'a registration that is forgotten': (id) => last.one.gatehouse('device', 'forget', id, '--why', 'sold'),
  }
  for (const [way, change] of Object.entries(ways)) {
    const cookie = await knownDevice(one, 'alice')
    const opened = await openEverywhere(t, machines, cookie)
    const id = await idOf('alice')
    t.comment(way)
    await cutOff(t, opened, () => change(id))
    await store.registrations.forget(id, { ...anna, at: Date.now() })
  }
  t.ok(
    bystander.every(({ ended }) => !ended()),
    'nobody else is touched',
  )
}

import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import type { Test } from 'tap'
import type { Limits } from '../../src/domain/limits.ts'
import type { RequestHead } from '../../src/domain/request-head.ts'
import type { Service } from '../../src/domain/service.ts'
import type { ForwardOrder, RelayOutcome } from '../../src/gateway/relay/order.ts'
import { createRelay, type RelayOptions } from '../../src/gateway/relay/relay.ts'
import { defaultLimits } from '../helpers/limits.ts'
import { HttpClientSide, headOf, UpgradeClientSide } from './client-side-double.ts'

export const limits: Limits = {
  ...defaultLimits,
  connectTimeout: 2_000,
  upgradeIdleTimeout: 60_000,
}

export function serviceFor(upstream: readonly URL[], overrides: Partial<Service> = {}): Service {
  return {
    name: 'mail',
    hosts: ['mail.example.com'],
    upstream,
    client: { kind: 'activesync' },
    mode: 'enforce',
    public: [],
    paths: { encodedSlash: false, parameters: false, caseInsensitive: false },
    upgrades: ['websocket'],
    origins: [],
    allowFields: [],
    hostHeader: 'client',
    upstreamTls: { ca: [], verify: true },
    maxBody: 1 << 30,
    hsts: false,
    ...overrides,
  }
}

export interface UnderTest {
  readonly url: URL
  readonly port: number
  /** Outcomes and failures in the order in which exchanges ended. */
  readonly ended: (RelayOutcome | Error)[]
  /** Resolves with the next one. */
  next(): Promise<RelayOutcome | Error>
  /** The client sides of open and past exchanges. */
  readonly clients: (HttpClientSide | UpgradeClientSide)[]
  readonly relay: ReturnType<typeof createRelay>
}

export interface Setup {
  readonly upstream: readonly URL[]
  readonly service?: Partial<Service>
  readonly limits?: Partial<Limits>
  readonly options?: Partial<RelayOptions>
  readonly order?: Partial<ForwardOrder>
  readonly head?: Partial<RequestHead>
  readonly httpVersion?: '1' | '2'
}

/** A relay behind a real HTTP server. A RelayFailure is answered with 502 and its reason. */
export async function relayUnderTest(t: Test, setup: Setup): Promise<UnderTest> {
  const service = serviceFor(setup.upstream, setup.service)
  const relay = createRelay({
    authorities: new Map([[service.name, service.upstreamTls.ca]]),
    services: [service],
    limits: { ...limits, ...setup.limits },
    now: Date.now,
    ...setup.options,
  })
  const ended: (RelayOutcome | Error)[] = []
  const clients: UnderTest['clients'] = []
  const waiting: ((outcome: RelayOutcome | Error) => void)[] = []
  const note = (outcome: RelayOutcome | Error) => {
    const waiter = waiting.shift()
    if (waiter) waiter(outcome)
    else ended.push(outcome)
  }
  const server = createServer((request, response) => {
    const client = new HttpClientSide(request, response, setup.httpVersion)
    clients.push(client)
    const head = headOf(request, setup.head)
    relay.forward({ service, head, client, addFields: [], ...setup.order }).then(note, (error: Error) => {
      if (!response.headersSent) {
        const closing = client.connection.closing ? { connection: 'close' } : {}
        response.writeHead(502, { 'x-reason': String((error as { reason?: string }).reason), ...closing })
        response.end()
      }
      note(error)
    })
  })
  server.on('upgrade', (request, socket, first: Buffer) => {
    const client = new UpgradeClientSide(socket, first)
    clients.push(client)
    const head = headOf(request, { upgrade: 'websocket' })
    relay.forward({ service, head, client, addFields: [], ...setup.order }).then(note, (error: Error) => {
      socket.end(`HTTP/1.1 502 Bad Gateway\r\nx-reason: ${(error as { reason?: string }).reason}\r\n\r\n`)
      note(error)
    })
  })
  server.keepAliveTimeout = 60_000
  const url = await listening(t, server)
  t.teardown(() => relay.close())
  const next = () => {
    const first = ended.shift()
    return first
      ? Promise.resolve(first)
      : new Promise<RelayOutcome | Error>((resolve) => waiting.push(resolve))
  }
  return { url, port: Number(url.port), ended, next, clients, relay }
}

export async function upstreamServer(t: Test, listener: RequestListener): Promise<URL> {
  const server = createServer(listener)
  server.keepAliveTimeout = 60_000
  return listening(t, server)
}

/** An upstream whose bytes the test writes itself. */
export async function rawUpstream(t: Test, listener: (socket: Socket) => void): Promise<URL> {
  const sockets = new Set<Socket>()
  const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    listener(socket)
  })
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
}

let deadUrls = 0

/** Where nobody listens, nor will: a port that was free a moment ago may be another test's by now. */
export function deadUrl(): URL {
  deadUrls += 1
  return new URL(`http://127.254.0.${deadUrls}:1`)
}

async function listening(t: Test, server: Server): Promise<URL> {
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
}

/**
 * The counterparts that the gateway protects, as far as an evaluation or a test can tell them from the real ones:
 * a team chat for browsers, and servers that speak ActiveSync, Lync and Matrix. Each file starts one on a real
 * socket and can be run by itself; each records what it received. Nothing in `src/` knows of them.
 *
 * This file: what they have in common.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'

export interface SimulationOptions {
  /** 0 for a free one. */
  readonly port: number
  /** Default 127.0.0.1. */
  readonly host?: string
  readonly now?: () => number
  /** PEM texts: with them, it speaks HTTPS. */
  readonly tls?: { readonly cert: string; readonly key: string }
}

export interface Simulation {
  readonly url: string
  readonly port: number
  /** What has arrived, in order of arrival; the newest 10,000. */
  readonly requests: readonly RecordedRequest[]
  readonly server: Server
  close(): Promise<void>
}

export interface RecordedRequest {
  readonly method: string
  /** As on the wire. */
  readonly target: string
  readonly headers: IncomingMessage['headers']
  readonly rawHeaders: readonly string[]
  readonly httpVersion: string
  /** Counts connections from 1: two requests with the same number shared one. */
  readonly connection: number
  /** Set once the service has read it. */
  body?: Buffer
  /** True once the whole request has arrived or the client has gone. */
  ended: boolean
}

export type Handler = (exchange: SimulatedExchange) => unknown

/** One request with what answers need. */
export class SimulatedExchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly record: RecordedRequest
  readonly url: URL

  constructor(request: IncomingMessage, response: ServerResponse, record: RecordedRequest) {
    this.request = request
    this.response = response
    this.record = record
    this.url = new URL(`http://simulation${record.target.startsWith('/') ? record.target : '/'}`)
  }

  get socket(): Socket {
    return this.request.socket
  }

  async readBody(): Promise<Buffer> {
    this.record.body ??= await buffer(this.request)
    return this.record.body
  }

  async readForm(): Promise<URLSearchParams> {
    return new URLSearchParams((await this.readBody()).toString('utf8'))
  }

  /** The body as a JSON object; one without members when it is none. */
  async readJson(): Promise<Readonly<Record<string, unknown>>> {
    try {
      const value: unknown = JSON.parse((await this.readBody()).toString('utf8'))
      return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
    } catch {
      return {}
    }
  }

  json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): void {
    this.send(status, JSON.stringify(body), { 'content-type': 'application/json', ...headers })
  }

  html(status: number, body: string): void {
    this.send(status, body, { 'content-type': 'text/html; charset=utf-8' })
  }

  text(status: number, body: string): void {
    this.send(status, body, { 'content-type': 'text/plain; charset=utf-8' })
  }

  send(
    status: number,
    body: string | Uint8Array,
    headers: Readonly<Record<string, string | string[]>>,
  ): void {
    this.response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers }).end(body)
  }

  redirect(location: string, headers: Readonly<Record<string, string>> = {}): void {
    this.send(302, '', { location, ...headers })
  }
}

/** Starts a server that records each request and hands it to `handler`; what the handler throws is a 500. */
export async function startSimulation(options: SimulationOptions, handler: Handler): Promise<Simulation> {
  const requests: RecordedRequest[] = []
  const connections = new WeakMap<Socket, number>()
  let opened = 0
  const http = { keepAliveTimeout: 60_000, requestTimeout: 0, maxHeaderSize: 128 * 1024 }
  const server = options.tls ? createSecureServer({ ...http, ...options.tls }) : createServer(http)
  server.on('connection', (socket) => connections.set(socket, ++opened))
  const record = (request: IncomingMessage): RecordedRequest => {
    const recorded = recordOf(request, connections.get(request.socket) ?? 0)
    requests.push(recorded)
    if (requests.length > 10_000) requests.shift()
    return recorded
  }
  server.on('request', (request, response) => {
    const exchange = new SimulatedExchange(request, response, record(request))
    answer(exchange, handler)
  })
  server.prependListener('upgrade', (request) => record(request))
  server.listen(options.port, options.host ?? '127.0.0.1')
  await once(server, 'listening')
  const port = (server.address() as AddressInfo).port
  const url = `${options.tls ? 'https' : 'http'}://${options.host ?? '127.0.0.1'}:${port}`
  return { url, port, requests, server, close: () => closeServer(server) }
}

function recordOf(request: IncomingMessage, connection: number): RecordedRequest {
  const recorded: RecordedRequest = {
    method: request.method ?? '',
    target: request.url ?? '',
    headers: request.headers,
    rawHeaders: request.rawHeaders,
    httpVersion: request.httpVersion,
    connection,
    ended: false,
  }
  request.on('close', () => {
    recorded.ended = true
  })
  return recorded
}

async function answer(exchange: SimulatedExchange, handler: Handler): Promise<void> {
  try {
    await handler(exchange)
  } catch (error) {
    if (exchange.response.headersSent || exchange.request.destroyed) exchange.response.destroy()
    else exchange.text(500, `The simulation failed: ${error}`)
  }
}

async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await closed
}

/**
 * Runs a simulation by itself when its file is the program: `node sim/matrix.ts [PORT]`.
 * @param meta the file's `import.meta`
 */
export async function runAlone(
  meta: ImportMeta,
  start: (options: SimulationOptions) => Promise<Simulation>,
  port: number,
): Promise<void> {
  if (!meta.main) return
  const simulation = await start({ port: Number(process.argv[2] ?? port) })
  process.stdout.write(`listening on ${simulation.url}\n`)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void simulation.close())
}

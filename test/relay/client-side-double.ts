import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex, Readable } from 'node:stream'
import { FieldList, type RequestHead } from '../../src/domain/request-head.ts'
import type { AbortKind, ClientConnection, ClientSide } from '../../src/gateway/client-side.ts'

/** A client's side over Node's own HTTP server: real sockets, without the strict parser of the product's listener. */
let connections = 0

class Connection implements ClientConnection {
  readonly id = ++connections
  readonly httpVersion: '1' | '2'
  readonly #socket: Duplex
  closing = false

  constructor(socket: Duplex, httpVersion: '1' | '2') {
    this.#socket = socket
    this.httpVersion = httpVersion
  }

  closeAfterAnswer(): void {
    this.closing = true
  }

  destroy(): void {
    this.#socket.destroy()
  }

  onClose(listener: () => void): void {
    this.#socket.once('close', listener)
  }
}

const known = new WeakMap<Duplex, Connection>()

export function connectionOf(socket: Duplex, httpVersion: '1' | '2' = '1'): Connection {
  const connection = known.get(socket) ?? new Connection(socket, httpVersion)
  known.set(socket, connection)
  return connection
}

export class HttpClientSide implements ClientSide {
  readonly connection: Connection
  readonly body: Readable | undefined
  readonly #response: ServerResponse
  readonly #listeners: ((completed: boolean) => void)[] = []
  #closed: boolean | undefined
  aborted: AbortKind | undefined
  bytesReceived = 0
  bytesSent = 0

  constructor(request: IncomingMessage, response: ServerResponse, httpVersion: '1' | '2' = '1') {
    this.connection = connectionOf(request.socket, httpVersion)
    this.#response = response
    this.body = hasBody(request) ? request : undefined
    response.sendDate = false
    response.once('close', () => this.#close(response.writableFinished && this.aborted === undefined))
    response.on('error', () => {})
  }

  limitBody(): void {}

  get headSent(): boolean {
    return this.#response.headersSent
  }

  sendInformational(status: number, headers: readonly string[]): void {
    let lines = `HTTP/1.1 ${status} Interim\r\n`
    for (let i = 0; i < headers.length; i += 2) lines += `${headers[i]}: ${headers[i + 1]}\r\n`
    this.#response.socket?.write(`${lines}\r\n`)
  }

  sendHead(status: number, headers: readonly string[]): void {
    const closing = this.connection.closing ? ['connection', 'close'] : []
    this.#response.writeHead(status, [...headers, ...closing])
    process.nextTick(() => {
      if (this.bytesSent === 0 && !this.#response.destroyed) this.#response.flushHeaders()
    })
  }

  write(chunk: Uint8Array): boolean {
    this.bytesSent += chunk.byteLength
    return this.#response.write(chunk)
  }

  onDrain(listener: () => void): void {
    this.#response.on('drain', listener)
  }

  end(trailers?: readonly string[]): void {
    if (trailers !== undefined) {
      const pairs: [string, string][] = []
      for (let i = 0; i < trailers.length; i += 2) pairs.push([trailers[i] ?? '', trailers[i + 1] ?? ''])
      this.#response.addTrailers(pairs)
    }
    this.#response.end()
  }

  abort(how: AbortKind): void {
    this.aborted ??= how
    this.#response.destroy()
  }

  onClose(listener: (completed: boolean) => void): void {
    if (this.#closed === undefined) this.#listeners.push(listener)
    else listener(this.#closed)
  }

  #close(completed: boolean): void {
    this.#closed = completed
    for (const listener of this.#listeners) listener(completed)
  }
}

/** The client's side of a handshake: Node has handed the socket over already. */
export class UpgradeClientSide implements ClientSide {
  readonly connection: Connection
  readonly body = undefined
  readonly #socket: Duplex
  readonly #head: Buffer
  readonly #listeners: ((completed: boolean) => void)[] = []
  #closed = false
  #switched = false
  aborted: AbortKind | undefined
  headSent = false
  bytesReceived = 0
  bytesSent = 0

  constructor(socket: Duplex, head: Buffer) {
    this.#socket = socket
    this.#head = head
    this.connection = connectionOf(socket)
    socket.on('error', () => {})
    socket.once('close', () => this.#close(false))
  }

  limitBody(): void {}
  sendInformational(): void {}

  sendHead(status: number, headers: readonly string[]): void {
    this.headSent = true
    this.#socket.write(head(status, [...headers, 'connection', 'close']))
  }

  write(chunk: Uint8Array): boolean {
    return this.#socket.write(chunk)
  }

  onDrain(listener: () => void): void {
    this.#socket.on('drain', listener)
  }

  end(): void {
    this.#socket.end(() => this.#close(true))
  }

  abort(how: AbortKind): void {
    this.aborted ??= how
    this.#socket.destroy()
  }

  onClose(listener: (completed: boolean) => void): void {
    this.#listeners.push(listener)
  }

  switchProtocols(headers: readonly string[]): Duplex {
    this.headSent = true
    this.#switched = true
    this.#socket.write(head(101, [...headers, 'connection', 'Upgrade', 'upgrade', 'websocket']))
    if (this.#head.length > 0) this.#socket.unshift(this.#head)
    return this.#socket
  }

  #close(completed: boolean): void {
    if (this.#closed) return
    this.#closed = true
    for (const listener of this.#listeners) listener(completed || this.#switched)
  }
}

function head(status: number, headers: readonly string[]): string {
  let lines = `HTTP/1.1 ${status} Answer\r\n`
  for (let i = 0; i < headers.length; i += 2) lines += `${headers[i]}: ${headers[i + 1]}\r\n`
  return `${lines}\r\n`
}

function hasBody(request: IncomingMessage): boolean {
  const { headers } = request
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

/** What the product's parser would make of it. */
export function headOf(request: IncomingMessage, overrides: Partial<RequestHead> = {}): RequestHead {
  const names: string[] = []
  const values: string[] = []
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    names.push((request.rawHeaders[i] ?? '').toLowerCase())
    values.push(request.rawHeaders[i + 1] ?? '')
  }
  const target = request.url ?? '/'
  const authority = request.headers.host ?? ''
  const address = '198.51.100.7'
  return {
    id: 'test',
    receivedAt: 0,
    httpVersion: '1.1',
    method: request.method ?? 'GET',
    scheme: 'https',
    host: authority.split(':')[0] ?? '',
    authority,
    target,
    path: target.split('?')[0] ?? '',
    decodedPath: target.split('?')[0] ?? '',
    query: target.split('?')[1],
    fields: new FieldList(names, values),
    hasBody: hasBody(request),
    source: { address, derivedFrom: 'peer', peer: address },
    connection: { id: 1 },
    ...overrides,
  }
}

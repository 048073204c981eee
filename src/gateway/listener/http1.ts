import { createServer, IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { ReasonCode } from '../../domain/reason.ts'
import type { ParsedHead, WireRequest } from '../wire/head.ts'
import type { Connection } from './connection.ts'
import { Http1ClientSide } from './http1-client-side.ts'
import type { Intake, MalformedRequest } from './intake.ts'
import { lingerOnClose } from './linger.ts'
import { detachedResponse, UpgradeClientSide } from './upgrade.ts'

/** Requests that a client may send ahead; with more, the connection ends after them. */
const mostPipelined = 64

/** What one HTTP/1 connection is doing. Its requests are served strictly one after another. */
interface Http1State {
  readonly connection: Connection
  readonly waiting: Waiting[]
  current: Http1ClientSide | undefined
  served: number
}

interface Waiting {
  readonly request: Http1Message
  readonly response: ServerResponse
  readonly waits: boolean
}

/** Node builds `headers` for its own few look-ups; these cost a fraction of the whole object. */
class Http1Message extends IncomingMessage {
  /** Set when it is a valid upgrade handshake: parsed to find that out. */
  parsed: ParsedHead | undefined
}
Object.defineProperty(Http1Message.prototype, 'headers', {
  get(this: Http1Message) {
    return headersForNode(this.rawHeaders)
  },
})

export class Http1Engine {
  readonly server: Server<typeof Http1Message>
  readonly #intake: Intake
  readonly #states = new WeakMap<Socket, Http1State>()

  constructor(intake: Intake) {
    this.#intake = intake
    const { limits } = intake
    this.server = createServer({
      IncomingMessage: Http1Message,
      insecureHTTPParser: false,
      requireHostHeader: false,
      maxHeaderSize: limits.headerSize + limits.targetSize,
      headersTimeout: limits.headerTimeout,
      // The body has a limit on its progress instead: long uploads are legal.
      requestTimeout: 0,
      keepAliveTimeout: limits.keepAliveTimeout,
      connectionsCheckingInterval: Math.max(20, Math.min(1000, limits.headerTimeout / 4)),
      keepAlive: true,
      keepAliveInitialDelay: 60_000,
      optimizeEmptyRequests: true,
      shouldUpgradeCallback: (request) => this.#isUpgrade(request),
    })
    // Node would cut the list without an error, and with it what has to be checked; the parser counts and refuses.
    this.server.maxHeadersCount = 0
    this.server.on('request', (request, response) => this.#enqueue({ request, response, waits: false }))
    this.server.on('checkContinue', (request, response) => this.#enqueue({ request, response, waits: true }))
    this.server.on('checkExpectation', (request, response) =>
      this.#enqueue({ request, response, waits: false }),
    )
    this.server.on('clientError', (error: Error & { code?: string }, socket) =>
      this.#onError(error, socket as Socket),
    )
    this.server.on('upgrade', (request, socket, first) => this.#upgrade(request, socket as Socket, first))
    this.server.on('connect', (request, socket) => this.#refuseConnect(request, socket as Socket))
  }

  /** The server does not listen by itself: start its clock for header sections, which listening would have started. */
  standBehind(): void {
    this.server.emit('listening')
  }

  close(): void {
    if (!this.server.listening) this.server.close(() => {})
  }

  /** Called before the connection's first byte is parsed. */
  adopt(connection: Connection): void {
    const { socket } = connection
    const state: Http1State = { connection, waiting: [], current: undefined, served: 0 }
    this.#states.set(socket, state)
    connection.onRetire(() => {
      if (state.current === undefined) socket.destroySoon()
    })
  }

  #enqueue(waiting: Waiting): void {
    const state = this.#states.get(waiting.request.socket)
    if (state === undefined || state.connection.closing) return
    if (state.current === undefined) this.#serve(state, waiting)
    else if (state.waiting.length < mostPipelined) state.waiting.push(waiting)
    // What was sent ahead and not answered may be sent again on another connection (RFC 9112 9.3.2).
    else state.connection.closing = true
  }

  #serve(state: Http1State, { request, response, waits }: Waiting): void {
    const { connection } = state
    const parsed = withoutUpgrade(this.#intake.parse(wireRequest(request, connection), connection))
    const refused = 'reason' in parsed
    if (refused || parsed.options.close || ++state.served >= this.#intake.limits.requestsPerConnection) {
      connection.closing = true
    }
    const framing = refused ? undefined : parsed.framing
    const client = new Http1ClientSide({
      request,
      response,
      connection,
      intake: this.#intake,
      framing,
      waits,
    })
    this.#run(state, parsed, client, response)
  }

  #run(
    state: Http1State,
    parsed: ParsedHead | MalformedRequest,
    client: Http1ClientSide,
    response: ServerResponse,
  ): void {
    state.current = client
    // The next request waits for both: the answer is written, and the handler has done with this one.
    let open = 2
    const done = () => {
      // In the next turn: whoever else listens for the close of this exchange hears of it first.
      if (--open === 0) process.nextTick(() => this.#next(state))
    }
    response.once('close', done)
    void this.#intake.serve(parsed, client).then(done)
  }

  #next(state: Http1State): void {
    state.current = undefined
    if (state.connection.closing) {
      state.connection.socket.destroySoon()
      return
    }
    const waiting = state.waiting.shift()
    if (waiting !== undefined) this.#serve(state, waiting)
  }

  /** Node asks while it parses. Only a valid handshake that nothing stands before becomes an upgrade. */
  #isUpgrade(request: Http1Message): boolean {
    const state = this.#states.get(request.socket)
    if (state === undefined || state.current !== undefined || state.connection.closing) return false
    const parsed = this.#intake.parse(wireRequest(request, state.connection), state.connection)
    if ('reason' in parsed || parsed.head.upgrade === undefined) return false
    request.parsed = parsed
    return true
  }

  /** From here on the HTTP parser has nothing to do with the connection any more. */
  #upgrade(request: Http1Message, socket: Socket, first: Buffer): void {
    const state = this.#states.get(socket)
    const { parsed } = request
    if (state === undefined || parsed === undefined) return void socket.destroy()
    state.connection.closing = true
    const response = detachedResponse(request, socket)
    const client = new UpgradeClientSide(
      {
        request,
        response,
        connection: state.connection,
        intake: this.#intake,
        framing: parsed.framing,
        waits: false,
      },
      { protocol: parsed.head.upgrade as string, first },
    )
    this.#run(state, parsed, client, response)
  }

  /** Node hands CONNECT over like an upgrade; it is refused like any other method (RFC 9110 9.3.6). */
  #refuseConnect(request: Http1Message, socket: Socket): void {
    const state = this.#states.get(socket)
    if (state === undefined || state.current !== undefined) return void socket.destroy()
    const { connection } = state
    connection.closing = true
    const response = detachedResponse(request, socket)
    const parsed = this.#intake.parse(wireRequest(request, connection), connection)
    const exchange = { request, response, connection, intake: this.#intake, framing: undefined, waits: false }
    this.#run(state, parsed, new Http1ClientSide(exchange), response)
  }

  /**
   * The parser gave up, the header section took too long, or the socket broke. An exchange that is under way gets
   * its answer; its body ends in an error, so that nothing incomplete reaches the upstream as a whole.
   */
  #onError(error: Error & { code?: string }, socket: Socket): void {
    const state = this.#states.get(socket)
    if (state === undefined || !isParserError(error.code)) {
      socket.destroy()
      return
    }
    const { connection, current } = state
    const alreadyClosing = connection.closing
    connection.closing = true
    state.waiting.length = 0
    current?.failBody(error.code === 'HPE_INVALID_EOF_STATE' ? 'client.aborted' : 'http.malformed', error)
    if (current !== undefined || alreadyClosing) return
    const reason = reasonOf(error.code)
    this.#intake.refuseConnection(connection.peer, reason, error.code ?? error.message)
    lingerOnClose(socket)
    socket.write(minimalAnswers[reason])
    socket.destroySoon()
  }
}

type WireReason = Extract<ReasonCode, 'http.malformed' | 'limit.header-size' | 'limit.header-time'>

const minimalAnswers: Readonly<Record<WireReason, string>> = {
  'http.malformed': minimalAnswer('400 Bad Request'),
  'limit.header-size': minimalAnswer('431 Request Header Fields Too Large'),
  'limit.header-time': minimalAnswer('408 Request Timeout'),
}

function minimalAnswer(status: string): string {
  return `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\nCache-Control: no-store\r\n\r\n`
}

/** Other errors are the socket's own: nobody is there to answer. */
function isParserError(code: string | undefined): boolean {
  return code?.startsWith('HPE_') === true || code === 'ERR_HTTP_REQUEST_TIMEOUT'
}

function reasonOf(code: string | undefined): WireReason {
  if (code === 'HPE_HEADER_OVERFLOW') return 'limit.header-size'
  return code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'limit.header-time' : 'http.malformed'
}

/** A handshake sent ahead of an earlier answer is not upgraded: its bytes went through the HTTP parser already. */
function withoutUpgrade(parsed: ParsedHead | MalformedRequest): ParsedHead | MalformedRequest {
  if ('reason' in parsed || parsed.head.upgrade === undefined) return parsed
  const { id, receivedAt: at, source, method, host } = parsed.head
  return { id, at, reason: 'http.upgrade', detail: 'an upgrade behind another request', source, method, host }
}

function wireRequest(request: IncomingMessage, connection: Connection): WireRequest {
  return {
    httpVersion: request.httpVersion,
    method: request.method ?? '',
    target: request.url ?? '',
    rawHeaders: request.rawHeaders,
    scheme: connection.tls === undefined ? 'http' : 'https',
  }
}

/** Node asks for Expect (to send 100 by itself) and for the two framing fields; nobody else reads `headers`. */
function headersForNode(rawHeaders: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {}
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    if (name.length !== 6 && name.length !== 14 && name.length !== 17) continue
    const lower = name.toLowerCase()
    if (lower === 'expect' || lower === 'content-length' || lower === 'transfer-encoding') {
      headers[lower] = rawHeaders[i + 1] as string
    }
  }
  return headers
}

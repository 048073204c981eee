import {
  constants,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { ParsedHead, WireRequest } from '../wire/head.ts'
import { parsePseudoFields } from '../wire/pseudo-fields.ts'
import { isRefused } from '../wire/refused.ts'
import type { Connection } from './connection.ts'
import { Http2ClientSide } from './http2-client-side.ts'
import type { Intake, MalformedRequest } from './intake.ts'

const streamWindow = 65_536
const sessionWindow = 1_048_576
/** Streams of one connection, in multiples of `requestsPerConnection`: a connection that lives on forever cannot be drained. */
const streamsPerRequestLimit = 10
const resetWindow = 10_000

/** Speaks HTTP/2 on connections that have agreed on it by ALPN; there is no cleartext HTTP/2. */
export class Http2Engine {
  readonly #intake: Intake

  constructor(intake: Intake) {
    this.#intake = intake
  }

  adopt(connection: Connection): void {
    const { limits } = this.#intake
    const session = performServerHandshake(connection.socket, {
      settings: {
        enablePush: false,
        enableConnectProtocol: false,
        maxConcurrentStreams: limits.streamsPerConnection,
        initialWindowSize: streamWindow,
        maxHeaderListSize: limits.headerSize + limits.targetSize + 32 * limits.headerFields,
      },
      // The parser counts fields and answers 431; these only bound what reaches it.
      maxHeaderListPairs: 2 * limits.headerFields,
      maxSessionMemory: 10,
      maxSettings: 32,
      streamResetBurst: 4 * limits.streamResets,
      streamResetRate: limits.streamResets,
      // Duplicates are found in the raw list; upstreams' answers are passed on as they are.
      strictSingleValueFields: false,
    })
    new Http2Connection(session, connection, this.#intake).start()
  }
}

class Http2Connection {
  readonly #session: ServerHttp2Session
  readonly #connection: Connection
  readonly #intake: Intake
  readonly #resets: ResetBucket
  #openStreams = 0
  #allStreams = 0
  #idle: NodeJS.Timeout

  constructor(session: ServerHttp2Session, connection: Connection, intake: Intake) {
    this.#session = session
    this.#connection = connection
    this.#intake = intake
    this.#resets = new ResetBucket(intake.limits.streamResets, intake.now)
    // Until its first request a client has the time that a header section may take, and between requests the
    // keep-alive time. Frames without a request do not lengthen either.
    this.#idle = setTimeout(() => this.#expire(), intake.limits.headerTimeout)
  }

  start(): void {
    const session = this.#session
    session.on('error', () => this.#connection.destroy())
    session.on('frameError', () => this.#connection.destroy())
    session.on('close', () => clearTimeout(this.#idle))
    session.on('connect', () => session.setLocalWindowSize(sessionWindow))
    if (!session.connecting) session.setLocalWindowSize(sessionWindow)
    session.on('stream', (stream, _headers, flags, rawHeaders) => this.#onStream(stream, flags, rawHeaders))
    session.on('ping', () => this.#count())
    session.on('remoteSettings', () => this.#count())
    this.#connection.onRetire(() => session.close())
  }

  #onStream(stream: ServerHttp2Stream, flags: number, rawHeaders: readonly string[]): void {
    stream.on('error', () => {})
    this.#openStreams++
    clearTimeout(this.#idle)
    stream.once('close', () => this.#onStreamClose(stream))
    if (stream.destroyed) return
    const hasBody = (flags & constants.NGHTTP2_FLAG_END_STREAM) === 0
    const parsed = this.#parse(rawHeaders, hasBody)
    const refused = 'reason' in parsed
    const client = new Http2ClientSide({
      stream,
      method: (refused ? parsed.method : parsed.head.method) ?? '',
      connection: this.#connection,
      intake: this.#intake,
      hasBody,
      length: refused ? undefined : parsed.framing.length,
      waits: !refused && parsed.expectContinue,
    })
    if (++this.#allStreams >= streamsPerRequestLimit * this.#intake.limits.requestsPerConnection) {
      this.#connection.closeAfterAnswer()
    }
    void this.#intake.serve(parsed, client)
  }

  #parse(rawHeaders: readonly string[], hasBody: boolean): ParsedHead | MalformedRequest {
    const pseudo = parsePseudoFields(rawHeaders)
    if (isRefused(pseudo)) return this.#intake.refuse(pseudo, this.#connection)
    if (pseudo.scheme !== 'https') {
      return this.#intake.refuse({ refused: 'http.target', detail: ':scheme is not https' }, this.#connection)
    }
    const { method, authority, path } = pseudo
    const request: WireRequest = {
      httpVersion: '2',
      method,
      target: path,
      ...(authority !== undefined && { authority }),
      rawHeaders: pseudo.rawHeaders,
      scheme: 'https',
      hasBody,
    }
    return this.#intake.parse(request, this.#connection)
  }

  #onStreamClose(stream: ServerHttp2Stream): void {
    this.#openStreams--
    // Resets that we send count as well: later forms of rapid reset make the server do the resetting.
    if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) this.#count()
    if (this.#openStreams > 0 || this.#session.closed) return
    this.#idle = setTimeout(() => this.#expire(), this.#intake.limits.keepAliveTimeout)
  }

  #count(): void {
    if (this.#resets.add() || this.#session.destroyed) return
    this.#intake.refuseConnection(this.#connection.peer, 'limit.connections', 'too many resets in HTTP/2')
    // Without an error Node sends NO_ERROR whatever the code.
    this.#session.destroy(new Error('too many resets'), constants.NGHTTP2_ENHANCE_YOUR_CALM)
  }

  #expire(): void {
    if (this.#session.destroyed) return
    this.#session.destroy()
  }
}

/** A leaky bucket: `size` events may come at once, and `size` in each ten seconds. */
class ResetBucket {
  readonly #size: number
  readonly #now: () => number
  #level = 0
  #at: number

  constructor(size: number, now: () => number) {
    this.#size = size
    this.#now = now
    this.#at = now()
  }

  /** @returns false when the bucket runs over */
  add(): boolean {
    const now = this.#now()
    const leaked = (Math.max(0, now - this.#at) / resetWindow) * this.#size
    this.#level = Math.max(0, this.#level - leaked) + 1
    this.#at = now
    return this.#level <= this.#size
  }
}

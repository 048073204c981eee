import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import type { Readable } from 'node:stream'
import type { AbortKind, ClientSide } from '../client-side.ts'
import type { Connection } from './connection.ts'
import type { Intake } from './intake.ts'
import { RequestBody } from './request-body.ts'
import { StreamSource } from './stream-source.ts'

export interface Http2Exchange {
  readonly stream: ServerHttp2Stream
  readonly method: string
  readonly connection: Connection
  readonly intake: Intake
  readonly hasBody: boolean
  /** What Content-Length announces. */
  readonly length: number | undefined
  readonly waits: boolean
}

const resetCodes: Readonly<Record<AbortKind, number>> = {
  'cut-off': constants.NGHTTP2_CANCEL,
  upstream: constants.NGHTTP2_INTERNAL_ERROR,
  failure: constants.NGHTTP2_INTERNAL_ERROR,
  'http1-required': constants.NGHTTP2_HTTP_1_1_REQUIRED,
}

/** The client's side of one HTTP/2 stream. */
export class Http2ClientSide implements ClientSide {
  readonly connection: Connection
  aborted: AbortKind | undefined
  bytesSent = 0
  readonly #exchange: Http2Exchange
  #body: RequestBody | undefined
  #bodiless = false
  #trailers: OutgoingHttpHeaders | undefined

  constructor(exchange: Http2Exchange) {
    this.connection = exchange.connection
    this.#exchange = exchange
  }

  get body(): Readable | undefined {
    return this.#openBody()
  }

  get headSent(): boolean {
    return this.#exchange.stream.headersSent
  }

  get bytesReceived(): number {
    return this.#body?.received ?? 0
  }

  limitBody(bytes: number): void {
    const { length } = this.#exchange
    const body = this.#openBody()
    if (length !== undefined && length > bytes) body?.fail('limit.body-size')
    else body?.limit(bytes)
  }

  sendInformational(status: number, headers: readonly string[]): void {
    const { stream } = this.#exchange
    if (stream.headersSent || stream.destroyed) return
    stream.additionalHeaders({ ...fieldsOf(headers), ':status': status })
  }

  sendHead(status: number, headers: readonly string[]): void {
    const { stream, method } = this.#exchange
    if (stream.destroyed || stream.closed) return
    const fields = fieldsOf(headers)
    this.#bodiless = method === 'HEAD' || status === 204 || status === 304
    // Trailers may follow only where nothing says how long the body is.
    const mayHaveTrailers = !this.#bodiless && fields['content-length'] === undefined
    fields[':status'] = status
    stream.respond(fields, { endStream: this.#bodiless, waitForTrailers: mayHaveTrailers })
    if (mayHaveTrailers) stream.once('wantTrailers', () => this.#sendTrailers())
  }

  write(chunk: Uint8Array): boolean {
    if (this.#bodiless) return true
    this.bytesSent += chunk.length
    return this.#exchange.stream.write(chunk)
  }

  onDrain(listener: () => void): void {
    this.#exchange.stream.on('drain', listener)
  }

  end(trailers?: readonly string[]): void {
    const { stream } = this.#exchange
    if (trailers !== undefined && trailers.length > 0) this.#trailers = fieldsOf(trailers)
    if (!this.#bodiless) {
      stream.end()
      this.#awaitClient()
    }
    const body = this.#openBody()
    // RFC 9113 8.1: NO_ERROR asks the client to stop sending what nobody reads.
    if (body !== undefined && !body.isComplete)
      stream.once('finish', () => stream.close(constants.NGHTTP2_NO_ERROR))
  }

  abort(how: AbortKind): void {
    const { stream } = this.#exchange
    this.aborted ??= how
    if (!stream.destroyed) stream.close(resetCodes[how])
  }

  onClose(listener: (completed: boolean) => void): void {
    const { stream } = this.#exchange
    const tell = () =>
      listener(stream.rstCode === constants.NGHTTP2_NO_ERROR && (this.#bodiless || stream.writableFinished))
    // A client may have gone while its request was judged: nobody would hear of it any more.
    if (stream.destroyed) tell()
    else stream.once('close', tell)
  }

  /** A window that the client never opens would keep what waits for it, and the connection, for ever. */
  #awaitClient(): void {
    const { stream, intake } = this.#exchange
    if (stream.writableFinished || stream.destroyed) return
    const timer = setTimeout(() => this.abort('failure'), intake.limits.answerTimeout)
    stream.once('close', () => clearTimeout(timer))
  }

  #sendTrailers(): void {
    const { stream } = this.#exchange
    // Without trailers this is the empty DATA frame that ends the stream.
    if (!stream.destroyed) stream.sendTrailers(this.#trailers ?? {})
  }

  #openBody(): RequestBody | undefined {
    const { stream, hasBody, intake, waits } = this.#exchange
    if (this.#body !== undefined || !hasBody) return this.#body
    const source = new StreamSource(stream, waits ? () => sendContinue(stream) : undefined)
    this.#body = new RequestBody(source, {
      bodyTimeout: intake.limits.bodyTimeout,
      bodyRate: intake.limits.bodyRate,
      now: intake.now,
    })
    return this.#body
  }
}

function sendContinue(stream: ServerHttp2Stream): void {
  if (!stream.headersSent && !stream.destroyed) stream.additionalHeaders({ ':status': 100 })
}

/** Repeated fields become lists, in their order. */
function fieldsOf(flat: readonly string[]): OutgoingHttpHeaders {
  const fields: OutgoingHttpHeaders = {}
  for (let i = 0; i < flat.length; i += 2) {
    const name = (flat[i] as string).toLowerCase()
    const value = flat[i + 1] as string
    const before = fields[name]
    fields[name] =
      before === undefined ? value : [...(Array.isArray(before) ? before : [String(before)]), value]
  }
  return fields
}

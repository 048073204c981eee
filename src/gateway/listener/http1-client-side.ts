import type { IncomingMessage, OutgoingHttpHeader, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import type { AbortKind, ClientSide } from '../client-side.ts'
import { type Framing, parseContentLength } from '../wire/framing.ts'
import type { Connection } from './connection.ts'
import type { Intake } from './intake.ts'
import { lingerOnClose } from './linger.ts'
import { RequestBody } from './request-body.ts'

/** An unread body up to this is read and thrown away, so that the connection lives (NTLM needs it to); a longer one ends it. */
const drainable = 65536

export interface Http1Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly connection: Connection
  readonly intake: Intake
  /** Undefined when the request was refused: nobody knows where its body ends. */
  readonly framing: Framing | undefined
  /** The client waits for `100 Continue`. */
  readonly waits: boolean
}

/** The client's side of an HTTP/1 exchange, on Node's response object, which frames the answer. */
export class Http1ClientSide implements ClientSide {
  readonly connection: Connection
  bytesSent = 0
  protected readonly exchange: Http1Exchange
  #body: RequestBody | undefined
  /** What Content-Length promises; undefined when the answer is framed otherwise or has no body. */
  #promised: number | undefined
  #bodiless = false

  constructor(exchange: Http1Exchange) {
    this.connection = exchange.connection
    this.exchange = exchange
  }

  get body(): Readable | undefined {
    return this.#openBody()
  }

  get headSent(): boolean {
    return this.exchange.response.headersSent
  }

  get bytesReceived(): number {
    return this.#body?.received ?? 0
  }

  limitBody(bytes: number): void {
    const { framing } = this.exchange
    if (framing?.hasBody !== true) return
    const body = this.#openBody()
    // A length that is known to be too long is refused before a byte of it is read.
    if (framing.length !== undefined && framing.length > bytes) body?.fail('limit.body-size')
    else body?.limit(bytes)
  }

  /** What the HTTP parser found wrong while the body came in. */
  failBody(reason: 'http.malformed' | 'client.aborted', cause: unknown): void {
    if (!this.exchange.request.complete) this.#openBody()?.fail(reason, cause)
  }

  sendInformational(status: number, headers: readonly string[]): void {
    const { request, response } = this.exchange
    if (request.httpVersion !== '1.1' || response.headersSent || response.destroyed) return
    response.writeInformation(status, headers as string[]) // not written to
  }

  sendHead(status: number, headers: readonly string[]): void {
    const { request, response, connection } = this.exchange
    if (response.destroyed) return
    if (!this.#willBeRead()) {
      connection.closing = true
      lingerOnClose(connection.socket)
    }
    this.#bodiless = request.method === 'HEAD' || status === 204 || status === 304
    const length = contentLength(headers)
    this.#promised = this.#bodiless ? undefined : length
    const chunked = !this.#bodiless && length === undefined && request.httpVersion === '1.1'
    // Only a chunked answer has trailers; Node refuses to announce them for another.
    const fields = chunked ? headers : withoutTrailer(headers)
    const all = connection.closing ? [...fields, 'Connection', 'close'] : fields
    response.writeHead(status, all as OutgoingHttpHeader[]) // not written to
    process.nextTick(flushHead, this, response)
  }

  write(chunk: Uint8Array): boolean {
    if (this.#bodiless) return true
    this.bytesSent += chunk.length
    if (this.#promised !== undefined && this.bytesSent > this.#promised) {
      this.abort('upstream')
      return false
    }
    return this.exchange.response.write(chunk)
  }

  onDrain(listener: () => void): void {
    this.exchange.response.on('drain', listener)
  }

  end(trailers?: readonly string[]): void {
    const { response } = this.exchange
    if (this.#promised !== undefined && this.bytesSent !== this.#promised) {
      this.abort('upstream')
      return
    }
    if (trailers !== undefined && trailers.length > 0) response.addTrailers(pairs(trailers))
    this.#discardBody()
    response.end()
  }

  abort(_how: AbortKind): void {
    const { request, connection } = this.exchange
    const { socket } = connection
    // An HTTP/1.0 answer ends with the connection: only a reset tells a broken one from a complete one.
    if (request.httpVersion === '1.0' && connection.tls === undefined) socket.resetAndDestroy()
    else socket.destroy()
  }

  onClose(listener: (completed: boolean) => void): void {
    const { response } = this.exchange
    // A client may have gone while its request was judged: nobody would hear of it any more.
    if (response.closed) listener(response.writableFinished)
    else response.once('close', () => listener(response.writableFinished))
  }

  #openBody(): RequestBody | undefined {
    const { framing, request, response, intake, connection, waits } = this.exchange
    if (this.#body !== undefined || framing?.hasBody !== true) return this.#body
    this.#body = new RequestBody(request, {
      bodyTimeout: intake.limits.bodyTimeout,
      bodyRate: intake.limits.bodyRate,
      now: intake.now,
      onFirstRead: waits ? () => sendContinue(response) : undefined,
      onFailure: () => {
        connection.closing = true
      },
    })
    return this.#body
  }

  /** Is the body read, or short enough to be read and thrown away? Unread bytes must not be taken for the next request. */
  #willBeRead(): boolean {
    const { framing, waits } = this.exchange
    if (framing === undefined) return false
    if (!framing.hasBody || this.#body?.complete === true) return true
    if (this.#body?.destroyed === true) return false
    if (waits && this.#body === undefined) return false
    return framing.length !== undefined && framing.length - this.bytesReceived <= drainable
  }

  #discardBody(): void {
    const body = this.#openBody()
    if (body !== undefined && !body.complete && !body.destroyed && !this.connection.closing) body.resume()
  }
}

/** An answer that comes slowly shows its head at once; one whose body follows in the same turn goes out in one piece. */
function flushHead(client: Http1ClientSide, response: ServerResponse): void {
  if (client.bytesSent === 0 && !response.writableEnded && !response.destroyed) response.flushHeaders()
}

function sendContinue(response: ServerResponse): void {
  if (!response.headersSent && !response.destroyed) response.writeContinue()
}

function contentLength(headers: readonly string[]): number | undefined {
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string
    if (name.length !== 14 || name.toLowerCase() !== 'content-length') continue
    const length = parseContentLength(headers[i + 1] as string)
    return length < 0 ? undefined : length
  }
  return undefined
}

function withoutTrailer(headers: readonly string[]): readonly string[] {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i]?.length === 7 && headers[i]?.toLowerCase() === 'trailer') {
      return withoutTrailer(headers.toSpliced(i, 2))
    }
  }
  return headers
}

function pairs(flat: readonly string[]): [string, string][] {
  const list: [string, string][] = []
  for (let i = 0; i < flat.length; i += 2) list.push([flat[i] as string, flat[i + 1] as string])
  return list
}

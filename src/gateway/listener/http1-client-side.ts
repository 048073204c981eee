import type { Readable } from 'node:stream'
import type { AbortKind, ClientSide } from '../client-side.ts'
import type { Framing } from '../wire/framing.ts'
import type { Connection } from './connection.ts'
import type { AnswerWriter } from './http1-answer.ts'
import type { Intake } from './intake.ts'
import { type BodySource, RequestBody } from './request-body.ts'

/** An unread body up to this is read and thrown away, so that the connection lives (NTLM needs it to); a longer one ends it. */
const drainable = 65_536
/** Chunks up to this leave in one write with what stands before them: copying them costs less than a second write. */
const joinable = 16_384

/** What an exchange knows of its request. */
export interface Http1Exchange {
  readonly method: string
  readonly httpVersion: '1.0' | '1.1'
  /** Undefined when the request was refused: nobody knows where its body ends. */
  readonly framing: Framing | undefined
  /** The client waits for `100 Continue`. */
  readonly waits: boolean
}

/** What an exchange asks of its connection. */
export interface Http1Link extends BodySource {
  readonly connection: Connection
  readonly intake: Intake
  readonly answers: AnswerWriter
  /** The client waits for `100 Continue`, which has not been sent: it may never send its body. */
  readonly owesContinue: boolean
  /** The client still sends what nobody will read: the connection ends gently (RFC 9112 9.6). */
  linger(): void
  /** The answer is complete, and waits for the client to take it. */
  awaitClient(): void
  /** The answer is written to its end, or there will be none. */
  answered(): void
}

/** The client's side of an HTTP/1 exchange: it writes the answer with its framing. */
export class Http1ClientSide implements ClientSide {
  readonly connection: Connection
  aborted: AbortKind | undefined
  headSent = false
  bytesSent = 0
  /** The answer is written to its end as far as we are concerned; the socket may still hold some of it. */
  ended = false
  /** Nothing more will happen in this exchange. */
  over = false
  protected readonly link: Http1Link
  readonly #exchange: Http1Exchange
  #body: RequestBody | undefined
  /** What waits for more to leave together with: a head for its body, a chunk for the last one. */
  #waiting = ''
  #flushes = false
  /** The write that completes the answer is on its way, and tells when it is done. */
  #lastSent = false
  /** What Content-Length promises; undefined when the answer is framed otherwise or has no body. */
  #promised: number | undefined
  #bodiless = false
  #chunked = false
  #completed = false
  #onDrain: (() => void) | undefined
  #closeListeners: ((completed: boolean) => void)[] | undefined

  constructor(exchange: Http1Exchange, link: Http1Link) {
    this.connection = link.connection
    this.link = link
    this.#exchange = exchange
  }

  get body(): Readable | undefined {
    return this.openBody()
  }

  get bytesReceived(): number {
    return this.#body?.received ?? 0
  }

  limitBody(bytes: number): void {
    const { framing } = this.#exchange
    if (framing?.hasBody !== true) return
    const body = this.openBody()
    // A length that is known to be too long is refused before a byte of it is read.
    if (framing.length !== undefined && framing.length > bytes) body?.fail('limit.body-size')
    else body?.limit(bytes)
  }

  sendInformational(status: number, headers: readonly string[]): void {
    if (this.#exchange.httpVersion !== '1.1' || this.headSent || this.over) return
    const { answers } = this.link
    this.connection.socket.write(`${answers.statusLine(status)}${answers.plainFields(headers)}\r\n`, 'latin1')
  }

  sendHead(status: number, headers: readonly string[]): void {
    if (this.over || this.headSent) return
    const { connection, link } = this
    const { method, httpVersion } = this.#exchange
    const { lines, trailerLines, length } = link.answers.fields(headers)
    const first = link.answers.statusLine(status)
    if (!this.#willBeRead()) {
      connection.closing = true
      link.linger()
    }
    this.headSent = true
    this.#bodiless = method === 'HEAD' || status === 204 || status === 304
    let framing = ''
    if (!this.#bodiless) {
      this.#promised = length
      if (length !== undefined) framing = ''
      else if (httpVersion === '1.1') {
        this.#chunked = true
        framing = `${trailerLines}Transfer-Encoding: chunked\r\n`
      } else connection.closing = true
    }
    if (connection.closing) framing += 'Connection: close\r\n'
    else if (httpVersion === '1.0') framing += 'Connection: keep-alive\r\n'
    this.#waiting = `${first}${lines}${framing}\r\n`
    this.#flushSoon()
  }

  write(chunk: Uint8Array): boolean {
    if (this.over || this.ended) return false
    if (!this.headSent) throw new Error('A body before its head')
    if (this.#bodiless || chunk.length === 0) return true
    this.bytesSent += chunk.length
    if (this.#promised !== undefined && this.bytesSent > this.#promised) {
      this.abort('upstream')
      return false
    }
    if (this.#chunked) return this.#writeChunk(chunk)
    const head = this.#take()
    return head === '' ? this.#send(chunk) : this.#writeTogether(head, chunk, '')
  }

  onDrain(listener: () => void): void {
    this.#onDrain = listener
  }

  end(trailers?: readonly string[]): void {
    if (this.over || this.ended) return
    if (this.#promised !== undefined && this.bytesSent !== this.#promised) {
      this.abort('upstream')
      return
    }
    let rest = this.#take()
    if (this.#chunked) {
      const fields = trailers === undefined ? '' : this.link.answers.plainFields(trailers)
      rest += `0\r\n${fields}\r\n`
    }
    this.ended = true
    if (rest !== '') this.#send(rest)
    this.#discardBody()
    if (this.connection.socket.writableLength === 0) process.nextTick(settle, this)
    else this.#awaitClient()
  }

  abort(how: AbortKind): void {
    if (this.over) return
    this.aborted ??= how
    const { socket, tls } = this.connection
    // An HTTP/1.0 answer ends with the connection: only a reset tells a broken one from a complete one.
    if (this.#exchange.httpVersion === '1.0' && tls === undefined) socket.resetAndDestroy()
    else socket.destroy()
  }

  onClose(listener: (completed: boolean) => void): void {
    if (this.over) listener(this.#completed)
    else if (this.#closeListeners === undefined) this.#closeListeners = [listener]
    else this.#closeListeners.push(listener)
  }

  // For the connection

  drained(): void {
    this.#onDrain?.()
  }

  /** The first end counts. */
  finish(completed: boolean): void {
    if (this.over) return
    this.over = true
    this.#completed = completed
    this.#waiting = ''
    for (const listener of this.#closeListeners ?? []) listener(completed)
    this.link.answered()
  }

  /** The client went away, or broke the rules, while its body came in. */
  failBody(reason: 'client.aborted' | 'http.malformed', cause?: unknown): void {
    this.#body?.fail(reason, cause)
  }

  flush(): void {
    this.#flushes = false
    if (this.#waiting !== '') this.connection.socket.write(this.#take(), 'latin1')
  }

  protected openBody(): RequestBody | undefined {
    if (this.#body !== undefined || this.#exchange.framing?.hasBody !== true) return this.#body
    const { limits, now } = this.link.intake
    this.#body = new RequestBody(this.link, {
      bodyTimeout: limits.bodyTimeout,
      bodyRate: limits.bodyRate,
      now,
    })
    return this.#body
  }

  #writeChunk(chunk: Uint8Array): boolean {
    const before = `${this.#take()}${chunk.length.toString(16)}\r\n`
    if (before.length + chunk.length > joinable) return this.#writeTogether(before, chunk, '\r\n')
    this.#waiting = `${before}${latin1(chunk)}\r\n`
    this.#flushSoon()
    return !this.connection.socket.writableNeedDrain
  }

  #writeTogether(before: string, chunk: Uint8Array, after: string): boolean {
    const { socket } = this.connection
    if (chunk.length <= joinable) return this.#send(before + latin1(chunk) + after)
    socket.cork()
    socket.write(before, 'latin1')
    let ready = this.#send(chunk)
    if (after !== '') ready = socket.write(after, 'latin1')
    socket.uncork()
    return ready
  }

  #take(): string {
    const waiting = this.#waiting
    this.#waiting = ''
    return waiting
  }

  /** What comes slowly shows at once; what follows in the same turn goes out in one piece with it. */
  #flushSoon(): void {
    if (this.#flushes) return
    this.#flushes = true
    process.nextTick(flush, this)
  }

  /** Is the body read, or short enough to be read and thrown away? Unread bytes must not be taken for the next request. */
  #willBeRead(): boolean {
    const { framing } = this.#exchange
    if (framing === undefined) return false
    const body = this.#body
    if (!framing.hasBody || body?.isComplete === true) return true
    if (body?.destroyed === true) return false
    if (this.link.owesContinue) return false
    return framing.length !== undefined && framing.length - this.bytesReceived <= drainable
  }

  /** TLS takes no write at once: the last one tells by itself when it is done, where a socket needs to be asked at most. */
  #send(data: string | Uint8Array): boolean {
    const { socket, tls } = this.connection
    const last = this.ended || this.bytesSent === this.#promised
    if (tls === undefined || !last || this.#lastSent) return socket.write(data, 'latin1')
    this.#lastSent = true
    return socket.write(data, 'latin1', (error) => {
      if (this.ended && !error) this.finish(true)
    })
  }

  /** A client that never reads would keep what waits for it, and the connection, for ever. */
  #awaitClient(): void {
    this.link.awaitClient()
    if (this.#lastSent) return
    this.connection.socket.write('', 'latin1', (error) => {
      if (!error) this.finish(true)
    })
  }

  #discardBody(): void {
    if (this.#exchange.framing?.hasBody !== true || this.connection.closing) return
    const body = this.openBody()
    if (body !== undefined && !body.isComplete && !body.destroyed) body.resume()
  }
}

function flush(client: Http1ClientSide): void {
  client.flush()
}

function settle(client: Http1ClientSide): void {
  client.finish(!client.connection.socket.destroyed)
}

function latin1(chunk: Uint8Array): string {
  const buffer = Buffer.isBuffer(chunk)
    ? chunk
    : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  return buffer.toString('latin1')
}

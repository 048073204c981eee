import type { Duplex } from 'node:stream'
import type { ReasonCode } from '../../domain/reason.ts'
import type { ParsedHead } from '../wire/head.ts'
import { type BodyDecoder, LengthDecoder } from './body-decoder.ts'
import { ChunkedDecoder } from './chunked-decoder.ts'
import type { Connection } from './connection.ts'
import { HeldBytes } from './held-bytes.ts'
import type { AnswerWriter } from './http1-answer.ts'
import { Http1ClientSide, type Http1Exchange, type Http1Link } from './http1-client-side.ts'
import { HeadReader, type Http1Head } from './http1-head.ts'
import type { Intake, MalformedRequest } from './intake.ts'
import type { RequestBody } from './request-body.ts'
import type { Expiring, Sweep } from './sweep.ts'
import { UpgradeClientSide } from './upgrade.ts'

/** Bytes behind the present request that we hold; with more, the socket is not read. */
const mostHeld = 65_536
/** Requests that a client may send ahead; with more, the connection ends after them. */
const mostPipelined = 64
const lingerFor = 1000

/** What the connections of a listener share. */
export interface Http1Shared {
  readonly intake: Intake
  readonly answers: AnswerWriter
  readonly sweep: Sweep
}

/**
 * One HTTP/1 connection. Its requests are served strictly one after another: what the client sends ahead is held as
 * bytes, and read when the answer before is written.
 */
export class Http1Connection implements Http1Link, Expiring {
  readonly connection: Connection
  readonly intake: Intake
  readonly answers: AnswerWriter
  deadline: number
  readonly #sweep: Sweep
  readonly #reader: HeadReader
  readonly #held = new HeldBytes()
  #current: Http1ClientSide | undefined
  /** The handler of the present exchange is done with it. */
  #handled = false
  /** The framing of the present request's body, until it is complete. */
  #decoder: BodyDecoder | undefined
  /** Somebody wants the body's bytes now. */
  #wanted: RequestBody | undefined
  /** The client waits for `100 Continue`. */
  #waits = false
  #paused = false
  #served = 0
  /** Requests in a row that had been sent before the answer to the one before was written. */
  #ahead = 0
  #lingers = false
  /** Nothing is read any more: the connection ends, or is somebody else's. */
  #done = false
  readonly #onHandled = () => this.#handlerDone()
  readonly #onFailed = () => {
    this.#current?.abort('failure')
    this.#handlerDone()
  }

  constructor(connection: Connection, { intake, answers, sweep }: Http1Shared) {
    const { limits } = intake
    this.connection = connection
    this.intake = intake
    this.answers = answers
    this.#sweep = sweep
    this.#reader = new HeadReader({
      headSize: limits.headerSize + limits.targetSize,
      headerFields: limits.headerFields,
    })
    this.deadline = sweep.deadline(limits.headerTimeout)
  }

  start(): void {
    const { connection } = this
    const { socket } = connection
    connection.onRetire(() => {
      if (this.#current === undefined) this.#close()
    })
    connection.onClose(() => this.#closed())
    socket.on('error', ignore)
    socket.on('data', this.#onData)
    socket.on('end', this.#onEnd)
    socket.on('drain', this.#onDrain)
    this.#sweep.add(this)
    // It stands still after a PROXY protocol header.
    socket.resume()
  }

  // What the client does

  readonly #onData = (bytes: Buffer): void => {
    if (this.#done) return
    if (this.#current === undefined) this.#readHead(bytes)
    else if (this.#wanted !== undefined && this.#held.length === 0) this.#readBody(bytes)
    else this.#hold(bytes)
  }

  /** As with Node's server, a client that ends its half while it waits has given up: it does not hear the end of a long poll. */
  readonly #onEnd = (): void => {
    const current = this.#current
    if (current?.ended === true) this.connection.closing = true
    else if (current !== undefined) this.connection.destroy()
    else if (this.#reader.begun && !this.#done)
      this.#refuse('http.malformed', 'the connection ends within a head')
    else this.#close()
  }

  readonly #onDrain = (): void => {
    this.#current?.drained()
  }

  #closed(): void {
    this.#done = true
    this.deadline = Number.POSITIVE_INFINITY
    this.#sweep.delete(this)
    this.#held.clear()
    this.#current?.failBody('client.aborted')
    this.#current?.finish(false)
  }

  expire(): void {
    this.deadline = Number.POSITIVE_INFINITY
    if (this.#done) this.connection.destroy()
    else if (this.#current !== undefined) this.#current.abort('failure')
    else if (this.#reader.begun) this.#refuse('limit.header-time', 'the header section took too long')
    else this.#close()
  }

  // Heads

  #readHead(bytes: Buffer): void {
    const reader = this.#reader
    const begun = reader.begun
    const end = reader.read(bytes)
    if (end === -1) {
      if (!begun) this.deadline = this.#sweep.deadline(this.intake.limits.headerTimeout)
      return
    }
    if (end < 0) {
      const { refused, detail } = reader.refused as NonNullable<HeadReader['refused']> // -2 says so
      this.#refuse(refused, detail)
      return
    }
    if (end < bytes.length) this.#hold(bytes.subarray(end))
    this.#serve(reader.head as Http1Head) // an end says so
  }

  #serve({ method, target, httpVersion, rawHeaders }: Http1Head): void {
    const { connection, intake } = this
    const scheme = connection.tls === undefined ? 'http' : 'https'
    const parsed = this.#withoutLateUpgrade(
      intake.parse({ method, target, httpVersion, rawHeaders, scheme }, connection),
    )
    const refused = 'reason' in parsed
    const keepsOpen = !refused && (httpVersion === '1.1' ? !parsed.options.close : parsed.options.keepAlive)
    if (!keepsOpen || ++this.#served >= intake.limits.requestsPerConnection || this.#ahead >= mostPipelined) {
      connection.closing = true
    }
    this.#begin(parsed, {
      method,
      httpVersion: httpVersion === '1.1' ? '1.1' : '1.0',
      framing: refused ? undefined : parsed.framing,
      waits: !refused && parsed.expectContinue && httpVersion === '1.1',
    })
  }

  /** A handshake sent ahead of an earlier answer is not upgraded: who sends one has to wait for what it gets. */
  #withoutLateUpgrade(parsed: ParsedHead | MalformedRequest): ParsedHead | MalformedRequest {
    if (this.#ahead === 0 || 'reason' in parsed || parsed.head.upgrade === undefined) return parsed
    const { id, receivedAt: at, source, method, host } = parsed.head
    return {
      id,
      at,
      reason: 'http.upgrade',
      detail: 'an upgrade behind another request',
      source,
      method,
      host,
    }
  }

  /** What is no request: there is nothing to be read behind it. */
  #refuse(refused: ReasonCode, detail: string): void {
    this.connection.closing = true
    const parsed = this.intake.refuse({ refused, detail }, this.connection)
    this.#begin(parsed, { method: '', httpVersion: '1.1', framing: undefined, waits: false })
  }

  #begin(parsed: ParsedHead | MalformedRequest, exchange: Http1Exchange): void {
    const { framing } = exchange
    if (framing?.hasBody === true) this.#decoder = this.#decoderOf(framing.length)
    const upgrade = 'reason' in parsed ? undefined : parsed.head.upgrade
    if (upgrade !== undefined) this.connection.closing = true
    this.deadline = Number.POSITIVE_INFINITY
    this.#handled = false
    this.#waits = exchange.waits
    const client =
      upgrade === undefined
        ? new Http1ClientSide(exchange, this)
        : new UpgradeClientSide(exchange, this, { protocol: upgrade, release: () => this.#release() })
    this.#current = client
    this.#handle(parsed, client)
  }

  #handle(parsed: ParsedHead | MalformedRequest, client: Http1ClientSide): void {
    try {
      const handling = this.intake.handle(parsed, client)
      if (handling === undefined) this.#handlerDone()
      else handling.then(this.#onHandled, this.#onFailed)
    } catch {
      this.#onFailed()
    }
  }

  // Bodies

  #decoderOf(length: number | undefined): BodyDecoder {
    return length === undefined
      ? new ChunkedDecoder(this.intake.limits.headerSize)
      : new LengthDecoder(length)
  }

  resumeBody(body: RequestBody): void {
    this.#wanted = body
    this.#sendContinue()
    if (this.#held.length > 0) this.#readBody(this.#held.take())
    this.#resume()
  }

  get owesContinue(): boolean {
    return this.#waits
  }

  #sendContinue(): void {
    if (!this.#waits) return
    this.#waits = false
    if (this.#current?.headSent === false)
      this.connection.socket.write('HTTP/1.1 100 Continue\r\n\r\n', 'latin1')
  }

  pauseBody(): void {
    this.#wanted = undefined
    this.#pause()
  }

  bodyFailed(): void {
    this.#wanted = undefined
    this.connection.closing = true
    if (this.#current?.over === true) this.#next()
  }

  #readBody(bytes: Buffer): void {
    const decoder = this.#decoder
    const body = this.#wanted
    if (decoder === undefined || body === undefined) {
      this.#hold(bytes)
      return
    }
    const used = decoder.decode(bytes, (chunk) => body.deliver(chunk))
    if (used < 0) {
      body.fail('http.malformed', new Error('The chunked coding is broken'))
      return
    }
    if (used < bytes.length) this.#hold(bytes.subarray(used))
    if (!decoder.complete) return
    this.#decoder = undefined
    this.#wanted = undefined
    body.complete()
    if (this.#current?.over === true) this.#next()
  }

  #hold(bytes: Buffer): void {
    this.#held.append(bytes)
    if (this.#held.length > mostHeld) this.#pause()
  }

  #pause(): void {
    if (this.#paused) return
    this.#paused = true
    this.connection.socket.pause()
  }

  #resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.connection.socket.resume()
  }

  // Ends

  linger(): void {
    this.#lingers = true
  }

  awaitClient(): void {
    this.deadline = this.#sweep.deadline(this.intake.limits.answerTimeout)
  }

  answered(): void {
    this.deadline = Number.POSITIVE_INFINITY
    if (this.connection.closing || this.#handled) this.#next()
  }

  #handlerDone(): void {
    this.#handled = true
    if (this.#current?.over === true) this.#next()
  }

  /** The next request waits for three: the answer is written, the handler is done, and the body is read to its end. */
  #next(): void {
    if (this.#done) return
    if (this.connection.closing) {
      this.#close()
      return
    }
    if (!this.#handled || this.#decoder !== undefined) return
    this.#current = undefined
    this.deadline = this.#sweep.deadline(this.intake.limits.keepAliveTimeout)
    if (this.#held.length === 0) this.#ahead = 0
    else {
      this.#ahead++
      this.#readHead(this.#held.take())
    }
    this.#resume()
  }

  /** What was written still goes out. */
  #close(): void {
    if (this.#done) return
    this.#done = true
    const { socket } = this.connection
    this.deadline = this.#sweep.deadline(lingerFor)
    if (!this.#lingers && this.#decoder === undefined && this.#held.length === 0) {
      socket.destroySoon()
      return
    }
    // Closing while the client still sends makes the kernel answer with a reset, and the client may lose the answer
    // that tells it what was wrong (RFC 9112 9.6): what it sends is read and thrown away for a moment.
    this.#held.clear()
    socket.end()
    this.#resume()
  }

  /** The connection is handed over with what the client sent so far. */
  #release(): Duplex {
    const { socket } = this.connection
    this.#done = true
    socket.off('data', this.#onData)
    socket.off('end', this.#onEnd)
    socket.off('drain', this.#onDrain)
    if (this.#held.length > 0) socket.unshift(this.#held.take())
    this.#resume()
    return socket
  }
}

function ignore(): void {}

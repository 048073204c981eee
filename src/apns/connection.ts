import { once } from 'node:events'
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2'
import { type PushAnswer, readAnswer } from './answers.ts'
import { answered, type Outcome, type Unanswered, type Unseen, unanswered } from './outcome.ts'

/** One push. Token, magic and topic are of the same TokenUpdate. */
export interface Push {
  /** For the log; APNs repeats it. A UUID in lower case. */
  readonly id: string
  /** Lower-case hexadecimal. */
  readonly token: string
  readonly magic: string
  readonly topic: string
  /** Seconds since the epoch: until then Apple keeps it for a device that is off. */
  readonly expiration: number
}

/** There is no connection, and why. */
export class NoConnection extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'NoConnection'
  }
}

export interface ConnectionOptions {
  /** `https://api.push.apple.com:443`. */
  readonly origin: string
  readonly cert: string
  readonly key: string
  /** PEM of further authorities, for a counterpart in tests. */
  readonly ca?: string
  /** Milliseconds. */
  readonly timeout: number
  /** Ends the wait for a connection. */
  readonly stopped: AbortSignal
  /** Idle for so long, it is asked whether it is still there. */
  readonly pingAfter: number
  /** What Apple says when it closes: `{"reason":"BadCertificate"}`. */
  readonly onGoaway: (reason: string | undefined) => void
  /** It may take more pushes than before, or is at its end. */
  readonly onRoom: () => void
}

const mostStreams = 1000
/** Milliseconds that answers have after a GOAWAY, and a PING's has. What is under way by then is sent again elsewhere. */
const grace = 3_000

/** One HTTP/2 connection to APNs, kept for hours or days. */
export class Connection {
  readonly #session: ClientHttp2Session
  readonly #options: ConnectionOptions
  #usable = true
  /** Whether anything was ever answered on it. */
  #proven = false
  #open = 0
  /** The last stream that Apple processes, once it has said GOAWAY. */
  #last = Infinity
  #asking = false
  #idle: NodeJS.Timeout | undefined
  #ending: NodeJS.Timeout | undefined

  private constructor(session: ClientHttp2Session, options: ConnectionOptions) {
    this.#session = session
    this.#options = options
    session.on('goaway', (_code: number, last: number, data?: Buffer) => {
      this.#goaway(last)
      options.onGoaway(readAnswer(0, data?.toString('utf8') ?? '').reason)
    })
    session.on('error', () => this.retire()).on('remoteSettings', options.onRoom)
    session.on('close', () => this.destroy())
    this.#rest()
  }

  /** @throws NoConnection */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const { origin, cert, key, ca, timeout, stopped } = options
    const session = connect(origin, { cert, key, minVersion: 'TLSv1.2', ...(ca !== undefined && { ca }) })
    const signal = AbortSignal.any([stopped, AbortSignal.timeout(timeout)])
    try {
      // Before its SETTINGS, Apple's limit on streams is not known.
      await once(session, 'remoteSettings', { signal })
    } catch (cause) {
      session.on('error', () => {})
      session.destroy()
      throw new NoConnection(`no connection to ${new URL(origin).host}`, { cause })
    }
    return new Connection(session, options)
  }

  /** How many more pushes it takes now. Apple may change its limit at any time, and begins with 1. */
  get room(): number {
    if (!this.usable || this.#asking) return 0
    return Math.min(this.#session.remoteSettings?.maxConcurrentStreams ?? 1, mostStreams) - this.#open
  }

  get usable(): boolean {
    return this.#usable && !this.#session.closed && !this.#session.destroyed
  }

  get closed(): boolean {
    return this.#session.destroyed
  }

  get proven(): boolean {
    return this.#proven
  }

  /** Takes a place for one `send`, which must follow: whoever else asks for room meanwhile does not get the same one. */
  reserve(): void {
    this.#open++
    clearTimeout(this.#idle)
  }

  /** In the place that was reserved; never rejects. */
  async send(push: Push): Promise<Outcome | Unseen> {
    const outcome = await this.#exchange(push)
    this.#open--
    if (outcome.kind === 'answered') this.#proven = true
    if (this.#open === 0) this.#usable ? this.#rest() : this.#session.close()
    return outcome
  }

  /** No more pushes on it; those under way get their answers. */
  retire(): void {
    this.#usable = false
    clearTimeout(this.#idle)
    if (this.#open === 0) this.#session.close()
    this.#options.onRoom()
  }

  destroy(): void {
    this.#usable = false
    clearTimeout(this.#idle)
    clearTimeout(this.#ending)
    this.#session.destroy()
    this.#options.onRoom()
  }

  /**
   * Node refuses the streams above the last. Those below are to get their answers, but not all servers keep to that: nghttp2
   * drops what arrives after its GOAWAY, whatever it said would be the last.
   */
  #goaway(last: number): void {
    this.#last = last
    this.#ending ??= setTimeout(() => this.destroy(), Math.min(grace, this.#options.timeout)).unref()
    this.retire()
  }

  async #exchange(push: Push): Promise<Outcome | Unseen> {
    let stream: ClientHttp2Stream | undefined
    try {
      stream = this.#request(push)
      return answered(await answerOf(stream, this.#options.timeout))
    } catch (cause) {
      if (stream === undefined || this.#wasUnseen(stream))
        return { kind: 'unseen', why: 'the connection takes no more pushes' }
      if (cause instanceof TimedOut) this.#suspect()
      stream.on('error', () => {}).close(constants.NGHTTP2_CANCEL)
      return lost(cause)
    }
  }

  /** @throws what Node throws on a session that has ended or had a GOAWAY */
  #request({ id, token, magic, topic, expiration }: Push): ClientHttp2Stream {
    const stream = this.#session.request({
      ':method': 'POST',
      ':path': `/3/device/${token}`,
      'apns-topic': topic,
      'apns-push-type': 'mdm',
      'apns-priority': '10',
      'apns-expiration': String(expiration),
      'apns-id': id,
      'content-type': 'application/json',
    })
    stream.end(JSON.stringify({ mdm: magic }))
    return stream
  }

  /** Refused, above the GOAWAY's last, or never sent. Of one below the last nobody knows, however it ended. */
  #wasUnseen({ rstCode, id, pending }: ClientHttp2Stream): boolean {
    if (rstCode === constants.NGHTTP2_REFUSED_STREAM || pending || id === undefined) return true
    return id > this.#last
  }

  #rest(): void {
    this.#idle = setTimeout(() => this.#suspect(), this.#options.pingAfter).unref()
  }

  /** A connection through a firewall that has forgotten it looks open for ever. It gets no pushes until the PING is answered. */
  #suspect(): void {
    if (this.#session.destroyed || this.#asking) return
    this.#asking = true
    const dead = setTimeout(() => this.destroy(), Math.min(grace, this.#options.timeout)).unref()
    const sent = this.#session.ping((error) => {
      clearTimeout(dead)
      this.#asking = false
      if (error !== null) return this.destroy()
      if (this.#open === 0 && this.#usable) this.#rest()
      this.#options.onRoom()
    })
    if (!sent) clearTimeout(dead)
  }
}

class TimedOut extends Error {}

function lost(cause: unknown): Unanswered {
  return unanswered(cause instanceof Error ? cause.message : 'no answer')
}

const longestBody = 4096

async function answerOf(stream: ClientHttp2Stream, timeout: number): Promise<PushAnswer> {
  const timer = setTimeout(() => stream.destroy(new TimedOut(`no answer within ${timeout} ms`)), timeout)
  try {
    let status = 0
    stream.on('response', (headers) => {
      status = Number(headers[':status'])
    })
    let body = ''
    for await (const chunk of stream.setEncoding('utf8')) if (body.length < longestBody) body += String(chunk)
    if (status === 0) throw new Error('the connection ended before the answer')
    return readAnswer(status, body)
  } finally {
    clearTimeout(timer)
  }
}

import { once } from 'node:events'
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2'
import { type PushAnswer, readAnswer } from './answers.ts'

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

/** No answer: the connection went away or nothing came in time. Whether Apple has it is not known; a push may be sent twice. */
export class NoAnswer extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
  }
}

/** Apple has certainly not seen it (it came after a GOAWAY): another connection takes it at once. */
export class NotSent extends NoAnswer {}

export interface ConnectionOptions {
  /** `https://api.push.apple.com:443`. */
  readonly origin: string
  readonly cert: string
  readonly key: string
  /** PEM of further authorities, for a counterpart in tests. */
  readonly ca?: string
  /** Milliseconds. */
  readonly timeout: number
  /** Idle for so long, it is asked whether it is still there. */
  readonly pingAfter: number
  /** What Apple says when it closes: `{"reason":"BadCertificate"}`. */
  readonly onGoaway: (reason: string | undefined) => void
  /** Apple allows another number of streams than before. */
  readonly onRoom: () => void
}

const mostStreams = 1000

/** One HTTP/2 connection to APNs, kept for hours or days. */
export class Connection {
  readonly #session: ClientHttp2Session
  readonly #options: ConnectionOptions
  #usable = true
  #open = 0
  #idle: NodeJS.Timeout | undefined

  private constructor(session: ClientHttp2Session, options: ConnectionOptions) {
    this.#session = session
    this.#options = options
    const end = () => this.retire()
    // Streams above lastStreamID end with REFUSED_STREAM and are sent again; those below get their answers.
    session.on('goaway', (_code: number, _last: number, data?: Buffer) => {
      options.onGoaway(readAnswer(0, data?.toString('utf8') ?? '').reason)
      end()
    })
    session.on('error', end).on('close', end).on('remoteSettings', options.onRoom)
    this.#rest()
  }

  /** @throws NoAnswer */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const { origin, cert, key, ca, timeout } = options
    const session = connect(origin, { cert, key, minVersion: 'TLSv1.2', ...(ca !== undefined && { ca }) })
    const signal = AbortSignal.timeout(timeout)
    try {
      // Before its SETTINGS, Apple's limit on streams is not known.
      await once(session, 'remoteSettings', { signal })
    } catch (cause) {
      session.on('error', () => {})
      session.destroy()
      throw new NoAnswer(`no connection to ${new URL(origin).host}`, { cause })
    }
    return new Connection(session, options)
  }

  /** How many more pushes it takes now. Apple may change its limit at any time, and begins with 1. */
  get room(): number {
    if (!this.#usable || this.#session.destroyed) return 0
    return Math.min(this.#session.remoteSettings?.maxConcurrentStreams ?? 1, mostStreams) - this.#open
  }

  get usable(): boolean {
    return this.#usable
  }

  /** Takes a place for one `send`, which must follow: whoever else asks for room meanwhile does not get the same one. */
  reserve(): void {
    this.#open++
    clearTimeout(this.#idle)
  }

  /** In the place that was reserved. @throws NoAnswer */
  async send(push: Push): Promise<PushAnswer> {
    try {
      return await this.#exchange(push)
    } finally {
      this.#open--
      if (this.#open === 0) this.#usable ? this.#rest() : this.#session.close()
    }
  }

  /** No more pushes on it; those under way get their answers. */
  retire(): void {
    this.#usable = false
    clearTimeout(this.#idle)
    if (this.#open === 0) this.#session.close()
  }

  destroy(): void {
    this.#usable = false
    clearTimeout(this.#idle)
    this.#session.destroy()
  }

  async #exchange({ id, token, magic, topic, expiration }: Push): Promise<PushAnswer> {
    let stream: ClientHttp2Stream | undefined
    try {
      stream = this.#session.request({
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
      return await answerOf(stream, this.#options.timeout)
    } catch (cause) {
      if (stream === undefined || wasRefused(stream, cause))
        throw new NotSent('the connection takes no more pushes', { cause })
      if (cause instanceof TimedOut) this.#suspect()
      stream.on('error', () => {}).close(constants.NGHTTP2_CANCEL)
      throw new NoAnswer(cause instanceof Error ? cause.message : 'no answer', { cause })
    }
  }

  #rest(): void {
    this.#idle = setTimeout(() => this.#suspect(), this.#options.pingAfter).unref()
  }

  /** A connection through a firewall that has forgotten it looks open for ever. */
  #suspect(): void {
    if (this.#session.destroyed) return
    const dead = setTimeout(() => this.destroy(), this.#options.timeout).unref()
    const asked = this.#session.ping((error) => {
      clearTimeout(dead)
      if (error !== null) this.destroy()
      else if (this.#open === 0 && this.#usable) this.#rest()
    })
    if (!asked) clearTimeout(dead)
  }
}

/** RFC 9113, section 8.7: a refused stream, or one above the GOAWAY's last, was not processed. */
function wasRefused(stream: ClientHttp2Stream, cause: unknown): boolean {
  const { code } = cause as { code?: unknown }
  return (
    stream.rstCode === constants.NGHTTP2_REFUSED_STREAM ||
    code === 'ERR_HTTP2_GOAWAY_SESSION' ||
    (stream.pending && code !== undefined)
  )
}

class TimedOut extends Error {}

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

/**
 * Apple's push service as far as an MDM server can tell: HTTP/2 over TLS, the client certificate asked for and checked,
 * Apple's answers for tokens, topics and headers, one stream until the certificate is accepted. On demand: GOAWAY with a
 * reason, refused streams, answers cut off, other limits, throttling, silence. It keeps what was accepted.
 */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import {
  constants,
  createSecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { TLSSocket } from 'node:tls'

export interface ApnsOptions {
  readonly host?: string
  readonly port?: number
  /** PEM of the service's own certificate. */
  readonly cert: string
  readonly key: string
  /** PEM of the authority that push certificates are from. */
  readonly clientCa: string
  /** Once the certificate is accepted. */
  readonly streams?: number
}

export interface SimulatedApns {
  readonly origin: string
  /** What was accepted, in order. */
  readonly pushes: readonly AcceptedPush[]
  /** Every request, whatever became of it. */
  readonly requests: number
  /** Connections so far. */
  readonly connections: number
  /** Those that are open now. */
  readonly open: number
  /** The most requests that were open at a time on one connection. */
  readonly mostStreams: number
  /** The next `times` pushes to this token, or to any, get this. */
  answer(answer: ScriptedAnswer, times?: number, token?: string): void
  /** Asked for each push that no answer was scripted for; undefined: as it deserves. A promise holds that answer alone. */
  decide(by: Decide): void
  /** Says GOAWAY to every connection. */
  goaway(reason?: string, manner?: GoawayManner): void
  /** Tells every connection, and those to come, that it takes so many streams at a time. */
  limit(streams: number): void
  /** Cuts every connection, without an answer. */
  cut(): void
  /** Takes pushes and answers none of them until told otherwise. */
  hold(held: boolean): void
  onPush(listener: (push: AcceptedPush) => void): void
  close(): Promise<void>
}

export interface AcceptedPush {
  readonly token: string
  readonly topic: string
  readonly body: unknown
  readonly headers: IncomingHttpHeaders
  readonly connection: number
  /** SHA-256 of the client certificate, as Node writes it. */
  readonly certificate: string | undefined
}

/** Who is at the other end of a connection, and what goes on there. */
interface Client {
  readonly number: number
  readonly uid: string | undefined
  readonly fingerprint: string | undefined
  readonly authorized: boolean
  open: number
  /** The last stream whose push was looked at. */
  last: number
  /** No stream above this is looked at (RFC 9113, section 6.8): the last GOAWAY has said so. */
  end: number
  /** The connection ends when its last answer is out. */
  leaving: boolean
}

/**
 * - `graceful`: names the last stream that was processed; up to that one all are answered, then the connection ends
 * - `abrupt`: names the last stream that was processed, and ends the connection at once
 * - `faithless`: promises to process whatever comes, and drops what arrives afterwards, as a server on nghttp2 does that
 *   says 2^31-1 without a second GOAWAY
 */
export type GoawayManner = 'graceful' | 'abrupt' | 'faithless'

export type ScriptedAnswer =
  | { readonly status: number; readonly reason?: string; readonly timestamp?: number }
  /** Not processed: the stream is reset with REFUSED_STREAM. */
  | 'refused'
  /** Processed, and the connection is cut before the answer is complete. */
  | 'cut'
  /** No answer at all. */
  | 'silent'

export type Decide = (token: string) => ScriptedAnswer | Promise<ScriptedAnswer> | undefined

export async function startApns(options: ApnsOptions): Promise<SimulatedApns> {
  const service = new Apns(options)
  await service.listen(options.port ?? 0, options.host ?? '127.0.0.1')
  return service
}

/** The highest number that a stream can have. */
const highest = 2 ** 31 - 1

class Apns implements SimulatedApns {
  readonly pushes: AcceptedPush[] = []
  requests = 0
  connections = 0
  mostStreams = 0
  readonly #server: ReturnType<typeof createSecureServer>
  readonly #sessions = new Set<ServerHttp2Session>()
  readonly #scripted: {
    readonly answer: ScriptedAnswer
    readonly token: string | undefined
    left: number
  }[] = []
  readonly #listeners: ((push: AcceptedPush) => void)[] = []
  readonly #clients = new WeakMap<ServerHttp2Session, Client>()
  #decide: Decide = () => undefined
  #streams: number
  #held = false

  constructor({ cert, key, clientCa, streams = 100 }: ApnsOptions) {
    this.#streams = streams
    // The handshake succeeds without a certificate, as Apple's does: the answer says what is wrong.
    const tls = { cert, key, ca: [clientCa], requestCert: true, rejectUnauthorized: false }
    this.#server = createSecureServer({ ...tls, settings: { maxConcurrentStreams: 1 } })
    this.#server.on('session', (session) => this.#adopt(session))
    this.#server.on('stream', (stream, headers) => {
      stream.on('error', () => {})
      void this.#serve(stream, headers)
    })
    this.#server.on('sessionError', () => {})
  }

  async listen(port: number, host: string): Promise<void> {
    this.#server.listen(port, host)
    await once(this.#server, 'listening')
  }

  get origin(): string {
    const { address, port } = this.#server.address() as AddressInfo // it listens on TCP
    return `https://${address}:${port}`
  }

  get open(): number {
    return this.#sessions.size
  }

  answer(answer: ScriptedAnswer, times = 1, token?: string): void {
    this.#scripted.push({ answer, token, left: times })
  }

  decide(by: Decide): void {
    this.#decide = by
  }

  goaway(reason?: string, manner: GoawayManner = 'graceful'): void {
    const data = reason === undefined ? undefined : Buffer.from(JSON.stringify({ reason }))
    for (const session of this.#sessions) {
      const client = this.#clients.get(session)
      if (client === undefined || session.closed || session.destroyed) continue
      if (manner !== 'faithless') client.end = Math.min(client.end, Math.max(client.last, 1))
      // Where 0 is given, Node puts a number of its own, streams included that were not looked at; its `close` does as well.
      session.goaway(constants.NGHTTP2_NO_ERROR, client.end, data)
      client.leaving = manner === 'graceful'
      endWhenIdle(session, client)
      // The frame is to be out before the connection ends.
      if (manner === 'abrupt') setImmediate(() => session.destroy())
    }
  }

  limit(streams: number): void {
    this.#streams = streams
    for (const session of this.#sessions) this.#allow(session)
  }

  cut(): void {
    for (const session of this.#sessions) session.destroy()
  }

  hold(held: boolean): void {
    this.#held = held
  }

  onPush(listener: (push: AcceptedPush) => void): void {
    this.#listeners.push(listener)
  }

  async close(): Promise<void> {
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #adopt(session: ServerHttp2Session): void {
    this.#clients.set(session, clientOf(session.socket as TLSSocket, ++this.connections)) // it speaks TLS alone
    this.#sessions.add(session)
    session.on('close', () => this.#sessions.delete(session)).on('error', () => {})
    this.#allow(session)
  }

  #allow(session: ServerHttp2Session): void {
    if (session.destroyed || !this.#clients.get(session)?.authorized) return
    session.settings({ maxConcurrentStreams: this.#streams })
  }

  async #serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    const session = stream.session as ServerHttp2Session
    const client = this.#clients.get(session)
    if (client === undefined) return
    this.requests++
    this.mostStreams = Math.max(this.mostStreams, ++client.open)
    stream.once('close', () => {
      client.open--
      endWhenIdle(session, client)
    })
    const body = await text(stream).catch(() => undefined)
    // Node hands out the streams above its own GOAWAY's last like any other.
    const id = stream.id ?? Infinity
    if (body === undefined || id > client.end) return
    client.last = Math.max(client.last, id)
    if (this.#held) return
    const answer = (await this.#answerFor(tokenOf(headers))) ?? judge(headers, body, client)
    if (answer === 'silent' || stream.destroyed) return
    if (answer === 'refused') return stream.close(constants.NGHTTP2_REFUSED_STREAM)
    if (answer === 'cut' || answer.status === 200) this.#accept(headers, body, client)
    if (answer === 'cut') return session.destroy()
    if (stream.destroyed) return
    respond(stream, String(headers['apns-id'] ?? randomUUID()), answer)
  }

  #answerFor(token: string): ReturnType<Decide> {
    const found = this.#scripted.find((one) => one.token === undefined || one.token === token)
    if (found === undefined) return this.#decide(token)
    if (--found.left <= 0) this.#scripted.splice(this.#scripted.indexOf(found), 1)
    return found.answer
  }

  #accept(headers: IncomingHttpHeaders, body: string, { number, fingerprint }: Client): void {
    const push = {
      token: tokenOf(headers),
      topic: String(headers['apns-topic']),
      body: JSON.parse(body) as unknown,
      headers,
      connection: number,
      certificate: fingerprint,
    }
    this.pushes.push(push)
    for (const listener of this.#listeners) listener(push)
  }
}

/** The frames before are to be out when the connection ends. */
function endWhenIdle(session: ServerHttp2Session, { leaving, open }: Client): void {
  if (leaving && open === 0) setImmediate(() => session.destroy())
}

type Answer = Exclude<ScriptedAnswer, string>

function respond(stream: ServerHttp2Stream, id: string, { status, reason, timestamp }: Answer): void {
  const type = reason === undefined ? {} : { 'content-type': 'application/json' }
  stream.respond({ ':status': status, 'apns-id': id, ...type })
  stream.end(reason === undefined ? undefined : JSON.stringify({ reason, ...(timestamp && { timestamp }) }))
}

function tokenOf(headers: IncomingHttpHeaders): string {
  return /^\/3\/device\/([^/]*)$/.exec(String(headers[':path']))?.[1] ?? ''
}

/** In the order in which Apple seems to look. */
function judge(headers: IncomingHttpHeaders, body: string, { uid, authorized }: Client): Answer {
  const refuse = (status: number, reason: string): Answer => ({ status, reason })
  if (headers[':method'] !== 'POST') return refuse(405, 'MethodNotAllowed')
  if (!String(headers[':path']).startsWith('/3/device/')) return refuse(404, 'BadPath')
  if (uid === undefined) return refuse(403, 'MissingProviderToken')
  if (!authorized) return refuse(403, 'BadCertificate')
  const token = tokenOf(headers)
  if (token === '') return refuse(400, 'MissingDeviceToken')
  if (!/^([0-9a-f]{2}){8,100}$/.test(token)) return refuse(400, 'BadDeviceToken')
  const topic = headers['apns-topic']
  if (topic === undefined) return refuse(400, 'MissingTopic')
  if (topic !== uid) return refuse(400, 'TopicDisallowed')
  if (headers['apns-push-type'] !== 'mdm') return refuse(400, 'InvalidPushType')
  if (!['1', '5', '10'].includes(String(headers['apns-priority'] ?? '10'))) return refuse(400, 'BadPriority')
  if (!/^\d+$/.test(String(headers['apns-expiration'] ?? '0'))) return refuse(400, 'BadExpirationDate')
  const id = headers['apns-id']
  if (id !== undefined && !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(String(id)))
    return refuse(400, 'BadMessageId')
  if (body === '') return refuse(400, 'PayloadEmpty')
  if (Buffer.byteLength(body) > 4096) return refuse(413, 'PayloadTooLarge')
  return { status: 200 }
}

function clientOf(socket: TLSSocket, number: number): Client {
  const certificate = socket.getPeerCertificate()
  const { UID: uid } = (certificate?.subject ?? {}) as { UID?: string } // Node's type does not know this attribute
  const { authorized } = socket
  return {
    number,
    uid,
    fingerprint: certificate?.fingerprint256,
    authorized,
    open: 0,
    last: 0,
    end: highest,
    leaving: false,
  }
}

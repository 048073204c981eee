/**
 * Apple's push service as far as an MDM server can tell: HTTP/2 over TLS, the client certificate asked for and checked,
 * Apple's answers for tokens, topics and headers, one stream until the certificate is accepted, GOAWAY with a reason,
 * throttling and silence on demand. It keeps what was accepted.
 */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import {
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
  /** The most requests that were open at a time on one connection. */
  readonly mostStreams: number
  /** The next `times` pushes to this token, or to any, get this. */
  answer(answer: ScriptedAnswer, times?: number, token?: string): void
  /** Says GOAWAY to every connection; what is open is answered still. */
  goaway(reason?: string): void
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
}

export interface ScriptedAnswer {
  readonly status: number
  readonly reason?: string
  readonly timestamp?: number
  /** No answer at all. */
  readonly silent?: true
}

export async function startApns(options: ApnsOptions): Promise<SimulatedApns> {
  const service = new Apns(options)
  await service.listen(options.port ?? 0, options.host ?? '127.0.0.1')
  return service
}

class Apns implements SimulatedApns {
  readonly pushes: AcceptedPush[] = []
  requests = 0
  connections = 0
  mostStreams = 0
  readonly #server: ReturnType<typeof createSecureServer>
  readonly #sessions = new Set<ServerHttp2Session>()
  readonly #scripted: { readonly answer: ScriptedAnswer; readonly token: string | undefined }[] = []
  readonly #listeners: ((push: AcceptedPush) => void)[] = []
  readonly #numbers = new WeakMap<ServerHttp2Session, { readonly number: number; open: number }>()
  #held = false

  constructor({ cert, key, clientCa, streams = 100 }: ApnsOptions) {
    // The handshake succeeds without a certificate, as Apple's does: the answer says what is wrong.
    const tls = { cert, key, ca: [clientCa], requestCert: true, rejectUnauthorized: false }
    this.#server = createSecureServer({ ...tls, settings: { maxConcurrentStreams: 1 } })
    this.#server.on('session', (session) => this.#adopt(session, streams))
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

  answer(answer: ScriptedAnswer, times = 1, token?: string): void {
    for (let count = 0; count < times; count++) this.#scripted.push({ answer, token })
  }

  goaway(reason?: string): void {
    const data = reason === undefined ? undefined : Buffer.from(JSON.stringify({ reason }))
    for (const session of this.#sessions) session.goaway(0, 0x7fffffff, data)
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

  #adopt(session: ServerHttp2Session, streams: number): void {
    this.#numbers.set(session, { number: ++this.connections, open: 0 })
    this.#sessions.add(session)
    session.on('close', () => this.#sessions.delete(session)).on('error', () => {})
    const socket = session.socket as TLSSocket // the server speaks TLS alone
    if (socket.authorized) session.settings({ maxConcurrentStreams: streams })
  }

  async #serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    const session = stream.session as ServerHttp2Session
    const connection = this.#numbers.get(session) ?? { number: 0, open: 0 }
    this.requests++
    this.mostStreams = Math.max(this.mostStreams, ++connection.open)
    stream.once('close', () => connection.open--)
    const body = await text(stream).catch(() => undefined)
    if (body === undefined || this.#held) return
    const id = String(headers['apns-id'] ?? randomUUID())
    const answer = this.#scriptedFor(tokenOf(headers)) ?? judge(headers, body, session.socket as TLSSocket)
    if (answer.silent) return
    if (answer.status === 200) this.#accept(headers, body, connection.number)
    const { status, reason, timestamp } = answer
    stream.respond({
      ':status': status,
      'apns-id': id,
      ...(reason && { 'content-type': 'application/json' }),
    })
    stream.end(reason === undefined ? undefined : JSON.stringify({ reason, ...(timestamp && { timestamp }) }))
  }

  #scriptedFor(token: string): ScriptedAnswer | undefined {
    const index = this.#scripted.findIndex((one) => one.token === undefined || one.token === token)
    return index < 0 ? undefined : this.#scripted.splice(index, 1)[0]?.answer
  }

  #accept(headers: IncomingHttpHeaders, body: string, connection: number): void {
    const push = {
      token: tokenOf(headers),
      topic: String(headers['apns-topic']),
      body: JSON.parse(body) as unknown,
      headers,
      connection,
    }
    this.pushes.push(push)
    for (const listener of this.#listeners) listener(push)
  }
}

function tokenOf(headers: IncomingHttpHeaders): string {
  return /^\/3\/device\/([^/]*)$/.exec(String(headers[':path']))?.[1] ?? ''
}

/** In the order in which Apple seems to look. */
function judge(headers: IncomingHttpHeaders, body: string, socket: TLSSocket): ScriptedAnswer {
  const refuse = (status: number, reason: string): ScriptedAnswer => ({ status, reason })
  if (headers[':method'] !== 'POST') return refuse(405, 'MethodNotAllowed')
  if (!String(headers[':path']).startsWith('/3/device/')) return refuse(404, 'BadPath')
  const uid = subjectUid(socket)
  if (uid === undefined) return refuse(403, 'MissingProviderToken')
  if (!socket.authorized) return refuse(403, 'BadCertificate')
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

function subjectUid(socket: TLSSocket): string | undefined {
  const subject = socket.getPeerCertificate()?.subject as { UID?: string } | undefined
  return subject?.UID
}

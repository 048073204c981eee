import type { IncomingMessage } from 'node:http'
import type { TLSSocket, Server as TlsServer } from 'node:tls'
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import type { Answer } from '../../domain/answer.ts'
import { canonicalAddress } from '../../lib/ip-address.ts'
import type { Random } from '../../lib/random.ts'
import { tlsCiphers } from '../../lib/tls-ciphers.ts'
import type { EnrollmentSettings } from '../../settings/build-enrollment.ts'
import type { RefusalCode } from '../refusals.ts'
import { refusalAnswer } from './refusal-answer.ts'
import type { Visit } from './visit.ts'

export interface ListenerTls {
  readonly cert: string
  readonly key: string
  readonly passphrase?: string
  /** PEM of our authorities: their clients are asked for a certificate. Undefined: nobody is asked. */
  readonly clientCa?: readonly string[]
}

export interface ListenerOptions {
  readonly settings: Pick<EnrollmentSettings, 'listen' | 'trustedProxies' | 'help'>
  readonly tls: ListenerTls | undefined
  readonly answer: (visit: Visit) => Promise<Answer>
  readonly random: Random
  readonly now: () => number
  readonly onAnswered: (visit: Visit, status: number) => void
}

export interface EnrollmentListener {
  readonly url: string
  /** New connections use this certificate. */
  renew(tls: ListenerTls): void
  close(): Promise<void>
}

/** Signatures travel in a header, SCEP requests in a query. */
const maxHeaderSize = 32 * 1024
/** Lists of apps and certificates are long; nothing else is. */
const reportLimit = 10 * 1024 * 1024
const usualLimit = 256 * 1024

/** The one file that knows the HTTP engine. */
export async function startListener(options: ListenerOptions): Promise<EnrollmentListener> {
  const { listen, trustedProxies } = options.settings
  const app = build(options, trustedProxies)
  app.removeAllContentTypeParsers()
  // Whatever type it is called: devices and SCEP clients call it by several names, or by none.
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_, body, done) => done(null, body))
  app.setErrorHandler((error, request, reply) => {
    const tooLarge = (error as { readonly code?: string }).code === 'FST_ERR_CTP_BODY_TOO_LARGE'
    return send(reply, refuse(tooLarge ? 'request.too-large' : 'request.malformed', request, options))
  })
  app.setNotFoundHandler((request, reply) => {
    reply.header('Allow', methods.join(', '))
    return send(reply, refuse('request.method', request, options))
  })
  const handler = async (request: FastifyRequest, reply: FastifyReply) => {
    const visit = toVisit(request, options)
    const answer = await options.answer(visit)
    options.onAnswered(visit, answer.status)
    return send(reply, answer)
  }
  app.route({ method: ['PUT', 'POST'], url: '/mdm/*', bodyLimit: reportLimit, handler })
  app.route({ method: [...methods], url: '/*', bodyLimit: usualLimit, handler })
  const url = await app.listen({ host: listen.host, port: listen.port })
  return {
    url,
    renew: (tls) => (app.server as unknown as TlsServer).setSecureContext(contextOf(tls)),
    close: () => app.close(),
  }
}

const methods = ['GET', 'HEAD', 'POST', 'PUT'] as const

function refuse(code: RefusalCode, request: FastifyRequest, options: ListenerOptions): Answer {
  return refusalAnswer(code, toVisit(request, options), options.settings.help)
}

/** Milliseconds: a handshake or a header section that comes drop by drop holds a connection no longer; a body has a minute. */
const headTimeout = 10_000

function build(options: ListenerOptions, trustedProxies: readonly string[]): FastifyInstance {
  const { tls } = options
  const timeouts = { maxHeaderSize, headersTimeout: headTimeout, connectionsCheckingInterval: 5_000 }
  const common = {
    logger: false,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    requestTimeout: 60_000,
    // What is no path at all: the engine's own answer would repeat it.
    frameworkErrors: (_: unknown, request: FastifyRequest, reply: FastifyReply) =>
      void send(reply, refuse('request.malformed', request, options)),
    trustProxy: trustedProxies.length > 0 ? [...trustedProxies] : false,
  } as const
  if (tls === undefined) return fastify({ ...common, http: timeouts })
  const https = {
    ...contextOf(tls),
    ...timeouts,
    handshakeTimeout: headTimeout,
    // Whose certificate counts is decided later: a refusal is ours to give, and is not 401.
    ...(tls.clientCa && { requestCert: true, rejectUnauthorized: false }),
  }
  // The two kinds of server differ in types alone for what is used here.
  return fastify({ ...common, https }) as unknown as FastifyInstance
}

function contextOf({ cert, key, passphrase, clientCa }: ListenerTls) {
  return {
    cert,
    key,
    minVersion: 'TLSv1.2' as const,
    ciphers: tlsCiphers,
    ...(passphrase !== undefined && { passphrase }),
    ...(clientCa && { ca: [...clientCa] }),
  }
}

function toVisit(request: FastifyRequest, { random, now }: ListenerOptions): Visit {
  const { raw } = request
  const url = raw.url ?? '/'
  const mark = url.indexOf('?')
  const certificate = certificateOf(raw)
  return {
    id: random.id(),
    at: now(),
    method: request.method,
    path: mark < 0 ? url : url.slice(0, mark),
    query: mark < 0 ? '' : url.slice(mark + 1),
    header: (name) => firstOf(raw.headers[name]),
    cookies: raw.headers.cookie === undefined ? [] : [raw.headers.cookie],
    body: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
    source: sourceOf(request),
    ...(certificate && { certificate }),
  }
}

/** Some proxies name the client with its port, others with a word: what is no address would be counted as a new one each time. */
function sourceOf({ ip, socket }: FastifyRequest): string {
  const [, bracketed, plain] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d{1,5})?$/.exec(ip) ?? []
  return canonicalAddress(bracketed ?? plain ?? ip) ?? canonicalAddress(socket.remoteAddress ?? '') ?? ''
}

function firstOf(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0]
}

function certificateOf({ socket }: IncomingMessage) {
  const { getPeerX509Certificate } = socket as Partial<TLSSocket>
  return getPeerX509Certificate?.call(socket as TLSSocket)
}

/** An empty answer is no bytes at all: devices take anything else for a malformed property list. */
function send(reply: FastifyReply, { status, headers, body }: Answer): FastifyReply {
  reply.code(status).header('Cache-Control', 'no-store').header('X-Content-Type-Options', 'nosniff')
  const cookies = headers.filter(([name]) => name === 'Set-Cookie').map(([, value]) => value)
  for (const [name, value] of headers) if (name !== 'Set-Cookie') reply.header(name, value)
  if (cookies.length > 0) reply.header('Set-Cookie', cookies)
  if (body.length === 0 && reply.request.method !== 'HEAD') return reply.removeHeader('Content-Type').send()
  return reply.send(typeof body === 'string' ? Buffer.from(body) : Buffer.from(body))
}

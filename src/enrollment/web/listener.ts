import type { Server as HttpServer, IncomingMessage, RequestListener } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { TLSSocket } from 'node:tls'
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import type { Answer } from '../../domain/answer.ts'
import { canonicalAddress, networkOf } from '../../lib/ip-address.ts'
import { IpSet } from '../../lib/ip-set.ts'
import type { Random } from '../../lib/random.ts'
import type { EnrollmentSettings } from '../../settings/build-enrollment.ts'
import type { RefusalCode } from '../refusals.ts'
import { Connections, type TurnedAway } from './connections.ts'
import { BodyMemory, BodyRefused, readBody } from './read-body.ts'
import { refusalAnswer } from './refusal-answer.ts'
import {
  contextOf,
  createServer,
  type ListenerLimits,
  type ListenerTls,
  type RequestTimes,
} from './server.ts'
import type { Visit } from './visit.ts'

export type { ListenerTls } from './server.ts'

export interface ListenerOptions {
  readonly settings: Pick<EnrollmentSettings, 'listen' | 'trustedProxies' | 'help'>
  readonly limits: ListenerLimits
  readonly tls: ListenerTls | undefined
  readonly answer: (visit: Visit) => Promise<Answer>
  readonly random: Random
  readonly now: () => number
  readonly onAnswered: (visit: Visit, status: number) => void
  /** What the listener refuses by itself, before there is a visit. */
  readonly onRefused: (code: RefusalCode) => void
  readonly onTurnedAway: (why: TurnedAway) => void
  readonly times?: RequestTimes
  readonly bodies?: BodyMemory
}

export interface EnrollmentListener {
  readonly url: string
  /** New connections use this certificate. */
  renew(tls: ListenerTls): void
  close(): Promise<void>
}

/** Lists of apps and certificates are long; nothing else is. */
const reportLimit = 10 * 1024 * 1024
const usualLimit = 256 * 1024

/** A minute for a request, were it drop by drop. */
const usualTimes: RequestTimes = { whole: 60_000, check: 5_000 }

/** With `server.ts` and `connections.ts` all that knows the HTTP engine. */
export async function startListener(options: ListenerOptions): Promise<EnrollmentListener> {
  const { listen, trustedProxies } = options.settings
  const { limits, tls, onTurnedAway, times = usualTimes } = options
  const connections = new Connections({ limits, trustedProxies: IpSet.of(trustedProxies), onTurnedAway })
  // Several for `localhost`, which has several addresses.
  const servers: ReturnType<typeof createServer>[] = []
  const app = build(options, (handler) => {
    const server = createServer({ limits, times, tls, onSlow: () => onTurnedAway('slow') }, handler)
    connections.guard(server, { secure: tls !== undefined })
    servers.push(server)
    return server
  })
  const { bodies = new BodyMemory() } = options
  app.removeAllContentTypeParsers()
  // Whatever type it is called: devices and SCEP clients call it by several names, or by none. It is read below.
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))
  app.setErrorHandler((error, request, reply) => {
    const code = error instanceof BodyRefused ? error.refusal : 'request.malformed'
    // The client may be about to send the rest.
    reply.header('Connection', 'close')
    return send(reply, refuse(code, request, options), limits)
  })
  app.setNotFoundHandler((request, reply) => {
    reply.header('Allow', methods.join(', '))
    return send(reply, refuse('request.method', request, options), limits)
  })
  const handler = async (request: FastifyRequest, reply: FastifyReply) => {
    const visit = toVisit(request, options, await takeBody(request, reply, { options, bodies }))
    const answer = await options.answer(visit)
    options.onAnswered(visit, answer.status)
    return send(reply, answer, limits)
  }
  app.route({ method: ['PUT', 'POST'], url: '/mdm/*', bodyLimit: reportLimit, handler })
  app.route({ method: [...methods], url: '/*', bodyLimit: usualLimit, handler })
  const address = await app.listen({ host: listen.host, port: listen.port })
  return {
    // Whose server it is not, it takes for one without TLS.
    url: address.replace(/^https?:/, `${listen.scheme}:`),
    renew(tls) {
      for (const server of servers) (server as HttpsServer).setSecureContext(contextOf(tls))
    },
    async close() {
      const closing = app.close()
      connections.close()
      await closing
    },
  }
}

interface BodyReading {
  readonly options: ListenerOptions
  readonly bodies: BodyMemory
}

async function takeBody(request: FastifyRequest, reply: FastifyReply, { options, bodies }: BodyReading) {
  if (request.method === 'GET' || request.method === 'HEAD') return noBody
  const network = networkOf(sourceOf(request))
  let held = 0
  let over = false
  reply.raw.once('close', () => {
    over = true
    bodies.give(network, held)
  })
  return readBody(request.raw, {
    limit: request.routeOptions.bodyLimit ?? usualLimit,
    silence: options.limits.bodyTimeout,
    onSlow: () => options.onTurnedAway('slow'),
    take(bytes) {
      if (over || !bodies.take(network, bytes)) return false
      held += bytes
      return true
    },
  })
}

const noBody = Buffer.alloc(0)

const methods = ['GET', 'HEAD', 'POST', 'PUT'] as const

function refuse(code: RefusalCode, request: FastifyRequest, options: ListenerOptions): Answer {
  options.onRefused(code)
  return refusalAnswer(code, toVisit(request, options), options.settings.help)
}

type ServerFactory = (handler: RequestListener) => ReturnType<typeof createServer>

function build(options: ListenerOptions, serverFactory: ServerFactory): FastifyInstance {
  const { settings, limits } = options
  const { trustedProxies } = settings
  return fastify({
    logger: false,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    // What is no path at all: the engine's own answer would repeat it.
    frameworkErrors: (_: unknown, request: FastifyRequest, reply: FastifyReply) =>
      void send(reply, refuse('request.malformed', request, options), limits),
    trustProxy: trustedProxies.length > 0 ? [...trustedProxies] : false,
    // The two kinds of server differ in types alone for what is used here.
    serverFactory: serverFactory as unknown as (handler: RequestListener) => HttpServer,
  })
}

function toVisit(request: FastifyRequest, { random, now }: ListenerOptions, body: Buffer = noBody): Visit {
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
    body,
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
function send(reply: FastifyReply, answer: Answer, { answerTimeout }: ListenerLimits): FastifyReply {
  const { status, headers, body } = answer
  // Whoever does not read his answer; after it, the engine sets the time for the next request.
  reply.raw.socket?.setTimeout(answerTimeout)
  reply.code(status).header('Cache-Control', 'no-store').header('X-Content-Type-Options', 'nosniff')
  const cookies = headers.filter(([name]) => name === 'Set-Cookie').map(([, value]) => value)
  for (const [name, value] of headers) if (name !== 'Set-Cookie') reply.header(name, value)
  if (cookies.length > 0) reply.header('Set-Cookie', cookies)
  if (body.length === 0 && reply.request.method !== 'HEAD') return reply.removeHeader('Content-Type').send()
  return reply.send(typeof body === 'string' ? Buffer.from(body) : Buffer.from(body))
}

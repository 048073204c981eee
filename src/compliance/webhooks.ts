import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { fastify } from 'fastify'
import { equalSecrets } from '../lib/hash.ts'
import type { WebhookListenerSettings } from '../settings/build-compliance.ts'
import type { WebhookSecret } from '../settings/sections/vendors/common.ts'
import type { Counters } from '../shared-state/ports.ts'
import type { DeviceLinks } from '../store/ports.ts'
import type { Connector } from './connectors/connector.ts'

/** What became of a notification. */
export type WebhookOutcome = 'taken' | 'empty' | 'unreadable' | 'unauthenticated' | 'too-many' | 'failed'

export interface WebhookOptions {
  readonly settings: WebhookListenerSettings
  readonly vendors: readonly WebhookVendor[]
  readonly links: Pick<DeviceLinks, 'requestDevices'>
  readonly counters: Counters
  readonly now: () => number
  /** Milliseconds between two looks at whether the certificate's files have changed. */
  readonly certificateEvery?: number
  /** @param vendor undefined: none of ours was named */
  readonly onNotification: (vendor: string | undefined, outcome: WebhookOutcome, error?: unknown) => void
}

export interface WebhookVendor {
  readonly name: string
  readonly webhook: WebhookSecret
  readonly connector: Pick<Connector, 'readWebhook'>
}

export interface WebhookListener {
  readonly url: string
  close(): Promise<void>
}

const largestBody = 1024 * 1024
const timeouts = { requestTimeout: 30_000, headersTimeout: 10_000 }
const certificateEveryDefault = 600_000

/**
 * The listener for what MDM systems send by themselves: `POST /notify/NAME`. Whoever sends it shows the connection's secret
 * before a byte of the body is read. A notification is never believed: it names devices, which are put into the record as
 * requests, so that any machine may receive it; the process that asks the vendors looks them up.
 * @throws what listening throws, and when the certificate cannot be read
 */
export async function startWebhooks(options: WebhookOptions): Promise<WebhookListener> {
  const { listen, tls } = options.settings
  const material = tls && (await readTls(tls))
  let secure: HttpsServer | undefined
  const app = fastify({
    logger: false,
    bodyLimit: largestBody,
    forceCloseConnections: true,
    serverFactory: (handler) => {
      if (material === undefined) return createServer(timeouts, handler)
      secure = createHttpsServer({ ...timeouts, ...material, minVersion: 'TLSv1.2' }, handler)
      // Fastify's type knows plain servers only; it uses nothing that differs.
      return secure as unknown as Server
    },
  })
  addNotify(app, options)
  const renewing =
    tls &&
    setInterval(() => {
      // A pair that does not fit, or is half written, leaves the one that serves.
      readTls(tls)
        .then((next) => secure?.setSecureContext(next))
        .catch(() => {})
    }, options.certificateEvery ?? certificateEveryDefault).unref()
  // Fastify calls every server of ours http.
  const url = new URL(await app.listen({ host: listen.host, port: listen.port }))
  return {
    url: `${listen.scheme}://${url.host}`,
    async close() {
      clearInterval(renewing)
      await app.close()
    },
  }
}

async function readTls({ cert, key, passphrase }: NonNullable<WebhookListenerSettings['tls']>) {
  return {
    cert: await readFile(cert, 'utf8'),
    key: await readFile(key, 'utf8'),
    ...(passphrase && { passphrase: passphrase.reveal() }),
  }
}

interface Params {
  readonly name: string
  readonly secret?: string
}

function addNotify(app: FastifyInstance, options: WebhookOptions): void {
  // Whatever they call it (JSON, XML, nothing at all), the connector reads the bytes.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.setErrorHandler((error: { statusCode?: number }, _request, reply) => {
    reply.code(error.statusCode ?? 500).send({})
  })
  app.addHook('onSend', async (_request, reply) => {
    reply.header('Cache-Control', 'no-store')
  })
  const onRequest = (request: FastifyRequest, reply: FastifyReply) => admit(request, reply, options)
  const handler = (request: FastifyRequest, reply: FastifyReply) => take(request, reply, options)
  for (const url of ['/notify/:name', '/notify/:name/:secret'])
    app.route({ method: 'POST', url, onRequest, handler })
}

const minute = 60_000

async function admit(
  request: FastifyRequest,
  reply: FastifyReply,
  { vendors, counters, settings, onNotification }: WebhookOptions,
): Promise<FastifyReply | undefined> {
  const { name } = request.params as Params
  if ((await counters.hit(`webhook-address:${request.ip}`, minute)) > settings.perMinute) {
    onNotification(undefined, 'too-many')
    return reply.code(429).header('Retry-After', '60').send({})
  }
  const vendor = vendors.find((one) => one.name === name)
  if (vendor === undefined || !isAuthentic(request, vendor.webhook)) {
    onNotification(vendor?.name, 'unauthenticated')
    // The same for a name that there is and one that there is not.
    return reply.code(401).header('WWW-Authenticate', 'Basic realm="Gatehouse"').send({})
  }
  if ((await counters.hit(`webhook-vendor:${name}`, minute)) > settings.perMinute) {
    onNotification(name, 'too-many')
    return reply.code(429).header('Retry-After', '60').send({})
  }
  return undefined
}

function isAuthentic(request: FastifyRequest, { user, secret }: WebhookSecret): boolean {
  const wanted = secret.reveal()
  const shown = (request.params as Params).secret
  if (shown !== undefined) return equalSecrets(shown, wanted)
  const [, scheme = '', rest = ''] =
    /^(\w{1,10}) +(\S{1,2000})$/.exec(request.headers.authorization ?? '') ?? []
  if (scheme.toLowerCase() === 'bearer') return equalSecrets(rest, wanted)
  if (scheme.toLowerCase() !== 'basic') return false
  const credentials = Buffer.from(rest, 'base64').toString('utf8')
  const colon = credentials.indexOf(':')
  const password = equalSecrets(credentials.slice(colon + 1), wanted)
  return password && (user === undefined || equalSecrets(credentials.slice(0, Math.max(colon, 0)), user))
}

async function take(
  request: FastifyRequest,
  reply: FastifyReply,
  { vendors, links, now, onNotification }: WebhookOptions,
): Promise<FastifyReply> {
  const { name } = request.params as Params
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
  const headers = new Map(
    Object.entries(request.headers).map(([header, value]) => [header, String(value ?? '')]),
  )
  try {
    const news = vendors.find((one) => one.name === name)?.connector.readWebhook?.({ headers, body })
    if (news === undefined) {
      onNotification(name, 'unreadable')
      return reply.code(400).send({})
    }
    const devices = news.vendorDeviceIds.map((vendorDeviceId) => ({ vendor: name, vendorDeviceId }))
    await links.requestDevices(devices, now())
    onNotification(name, devices.length === 0 ? 'empty' : 'taken')
    return reply.code(204).send()
  } catch (error) {
    onNotification(name, 'failed', error)
    return reply.code(503).header('Retry-After', '60').send({})
  }
}

/**
 * The management listener: health, readiness and metrics; console and API join it. It is a listener of its own, on
 * loopback unless the settings say otherwise, and nothing of it can be reached through the listener of users.
 */
import { type FastifyInstance, fastify } from 'fastify'
import type { HealthReport } from '../telemetry/health.ts'

export interface ManagementOptions {
  readonly host: string
  readonly port: number
  readonly health: { report(): HealthReport }
  readonly metrics: {
    readonly contentType: string
    /** The text of `/metrics`, as it is now. */
    read(): Promise<string>
  }
}

export interface Management {
  readonly url: string
  close(): Promise<void>
}

export async function startManagement(options: ManagementOptions): Promise<Management> {
  const app = fastify({ logger: false, bodyLimit: 64 * 1024, forceCloseConnections: true })
  app.addHook('onSend', async (_request, reply) => {
    reply.header('Cache-Control', 'no-store')
  })
  addHealth(app, options)
  addMetrics(app, options)
  const url = await app.listen({ host: options.host, port: options.port })
  return { url, close: () => app.close() }
}

/** Liveness never depends on another part: restarting this process would not mend a database. */
function addHealth(app: FastifyInstance, { health }: ManagementOptions): void {
  app.get('/healthz', async () => ({ alive: true }))
  app.get('/readyz', async (_request, reply) => {
    const report = health.report()
    reply.code(report.ready ? 200 : 503)
    return report
  })
}

function addMetrics(app: FastifyInstance, { metrics }: ManagementOptions): void {
  app.get('/metrics', async (_request, reply) => {
    reply.type(metrics.contentType)
    return metrics.read()
  })
}

/**
 * Gatehouse from settings to running roles: settings → record → gateway → management; stopped in reverse order. With
 * `roles/`, the only place that constructs things.
 */
import { userInfo } from 'node:os'
import packageJson from '../package.json' with { type: 'json' }
import { systemRandom } from './lib/random.ts'
import { startManagement } from './management/management.ts'
import { startGatewayRole } from './roles/gateway.ts'
import { loadSettings } from './settings/load.ts'
import type { Settings } from './settings/settings.ts'
import { openStore } from './store/open.ts'
import { Health } from './telemetry/health.ts'
import { openLogger } from './telemetry/logger.ts'
import { createMetrics } from './telemetry/metrics.ts'

export const version = packageJson.version

export interface RunningGatehouse {
  /** Where the gateway's listeners are, such as `https://127.0.0.1:8443`. */
  readonly listeners: readonly string[]
  readonly management: string
  /** Policy and certificates are read anew; settings that changed and need a restart are named in the log. */
  reload(): Promise<void>
  /** Stops accepting, lets open requests end for `limits.drainFor`, closes. */
  close(): Promise<void>
}

export interface StartOptions {
  readonly env: NodeJS.ProcessEnv
  /** Where the log goes; standard output when undefined. */
  readonly logTo?: string | number
  readonly now?: () => number
}

export async function startGatehouse(settings: Settings, options: StartOptions): Promise<RunningGatehouse> {
  const now = options.now ?? Date.now
  const log = openLogger({
    level: settings.log.level,
    now,
    onCondition: (ok, detail) => health.set('log', detail === undefined ? { ok } : { ok, detail }, false),
    ...(options.logTo !== undefined && { destination: options.logTo }),
  })
  const { logger, accessLog } = log
  const metrics = createMetrics()
  metrics.buildInfo.labels(version, process.version).set(1)
  const health = new Health((part, condition) =>
    condition.ok
      ? logger.info({ part }, 'part recovered')
      : logger.error({ part, detail: condition.detail }, 'part failed'),
  )
  const opened: (() => Promise<void>)[] = [() => log.close()]
  const close = async () => {
    for (const closeNext of opened.splice(0).reverse()) await closeNext()
  }
  try {
    const store = await openStore(settings.store, { now })
    opened.push(() => store.close())
    const audit = (action: 'gateway.started' | 'gateway.stopped') =>
      store.audit.append({
        at: now(),
        action,
        actor: userInfo().username,
        subject: 'gateway',
        details: { version },
      })
    // Before the gateway, so that readiness is told while it starts and until it has drained.
    health.begin('gateway')
    let measure = () => {}
    const management = await startManagement({
      ...settings.management.listen,
      health,
      metrics: metrics.registry,
      beforeMetrics: () => measure(),
    })
    opened.push(() => management.close())
    const gateway = await startGatewayRole({
      settings,
      store,
      logger,
      accessLog,
      metrics,
      health,
      random: systemRandom(),
      now,
    })
    measure = gateway.measure
    await audit('gateway.started')
    opened.push(async () => {
      health.drain()
      await gateway.close(settings.limits.drainFor)
      await audit('gateway.stopped').catch((error: unknown) =>
        logger.error({ err: error }, 'the stop is not in the audit log'),
      )
    })
    health.set('gateway', { ok: true }, true)
    logger.info({ version, listeners: gateway.urls }, 'gateway listening')
    return {
      listeners: gateway.urls,
      management: management.url,
      async reload() {
        reportRestarts(settings, options.env, logger)
        await gateway.reload()
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Settings are read at start; a reload says which of them wait for a restart, so that nobody waits for an effect. */
function reportRestarts(
  running: Settings,
  env: NodeJS.ProcessEnv,
  logger: ReturnType<typeof openLogger>['logger'],
): void {
  const { settings: next, problems } = loadSettings(running.file, env)
  if (next === undefined) {
    logger.error({ problems }, 'settings have mistakes; the running ones stay')
    return
  }
  const changed = (Object.keys(next) as (keyof Settings)[]).filter(
    (section) => JSON.stringify(next[section]) !== JSON.stringify(running[section]),
  )
  if (changed.length > 0) logger.warn({ sections: changed }, 'settings changed that need a restart')
}

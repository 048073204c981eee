/**
 * One process of Gatehouse from settings to running roles: settings → record → gateway, jobs → management; stopped in
 * reverse order. With `roles/`, the only place that constructs things. Where several processes share the listeners,
 * each is a `worker.ts` of the supervisor's (`supervisor/`), and runs this without a management listener.
 */
import { userInfo } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import packageJson from '../package.json' with { type: 'json' }
import { systemRandom } from './lib/random.ts'
import { startManagement } from './management/management.ts'
import { startEnrollmentRole } from './roles/enrollment.ts'
import { startGatewayRole } from './roles/gateway.ts'
import { startJobs } from './roles/jobs.ts'
import { guardedRecord, type LocalState, openShared, together } from './roles/shared.ts'
import { changedSections } from './settings/changed-sections.ts'
import type { Settings } from './settings/settings.ts'
import { createLocalNotices } from './shared-state/notices.ts'
import { openStore } from './store/open.ts'
import type { Store } from './store/ports.ts'
import { Health, type HealthReport } from './telemetry/health.ts'
import { type Logger, openLogger } from './telemetry/logger.ts'
import { createMetrics } from './telemetry/metrics.ts'
import { type MetricSnapshot, snapshot } from './telemetry/metrics-of-the-whole.ts'

export const version = packageJson.version

/** Everything in one process. */
export interface RunningGatehouse {
  /** Where the gateway's listeners are, such as `https://127.0.0.1:8443`. */
  readonly listeners: readonly string[]
  readonly management: string
  /** Where the enrollment listener is; undefined without one. */
  readonly enrollment?: string
  /** Policy and certificates are read anew; settings that changed and need a restart are named in the log. */
  reload(): Promise<void>
  /** Is not ready for `limits.stopDelay`, stops accepting, lets open requests end for `limits.drainFor`, closes. */
  close(): Promise<void>
}

export interface StartOptions {
  readonly env: NodeJS.ProcessEnv
  /** Where the log goes; standard output when undefined. */
  readonly logTo?: string | number
  readonly now?: () => number
  /** Milliseconds that only grow; the machine’s own when undefined. */
  readonly monotonic?: () => number
}

export async function startGatehouse(settings: Settings, options: StartOptions): Promise<RunningGatehouse> {
  const base = openBase(settings, { ...options, local: { notices: createLocalNotices() } })
  let measured: () => Promise<unknown> = async () => {}
  return closingOnFailure(base, async () => {
    // Before the gateway, so that readiness is told while it starts and until it has drained.
    const management = await startManagement({
      ...settings.management.listen,
      health: base.health,
      metrics: {
        contentType: base.metrics.registry.contentType,
        async read() {
          await measured()
          return base.metrics.registry.metrics()
        },
      },
    })
    base.opened.push(() => management.close())
    const roles = await startRoles(base, { gateway: true, jobs: true, speaks: true, first: true })
    measured = roles.measure
    return {
      listeners: roles.listeners,
      management: management.url,
      ...(roles.enrollment !== undefined && { enrollment: roles.enrollment }),
      async reload() {
        reportRestarts(settings, options.env, base.logger)
        await roles.reload()
      },
      async close() {
        base.health.drain()
        await delay(settings.limits.stopDelay)
        await base.close()
      },
    }
  })
}

/** One of several processes: the supervisor does the rest. */
export interface RunningWorker {
  readonly listeners: readonly string[]
  metrics(): Promise<readonly MetricSnapshot[]>
  reload(): Promise<void>
  close(): Promise<void>
}

export interface WorkerOptions extends StartOptions {
  /** The field `process` of its log lines. */
  readonly process: number | string
  readonly kind: 'gateway' | 'jobs'
  /** Speaks for all of them in the audit log; `first`: it says that the gateway has started. */
  readonly speaks: boolean
  readonly first: boolean
  readonly local: LocalState
  readonly onHealth: (report: HealthReport) => void
}

export async function startWorker(settings: Settings, options: WorkerOptions): Promise<RunningWorker> {
  const { kind, speaks, first } = options
  const base = openBase(settings, options)
  return closingOnFailure(base, async () => {
    const roles = await startRoles(base, {
      gateway: kind === 'gateway',
      jobs: kind === 'jobs',
      speaks,
      first,
    })
    return {
      listeners: roles.listeners,
      async metrics() {
        await roles.measure()
        return snapshot(base.metrics.registry)
      },
      reload: roles.reload,
      close: base.close,
    }
  })
}

type Base = ReturnType<typeof openBase>

interface BaseOptions extends StartOptions {
  readonly process?: number | string
  readonly local: LocalState
  readonly onHealth?: (report: HealthReport) => void
}

/** What every process has, whatever its roles. */
function openBase(settings: Settings, options: BaseOptions) {
  const { process, local, onHealth, now = Date.now, monotonic = () => performance.now() } = options
  const log = openLogger({
    level: settings.log.level,
    now,
    onCondition: (ok, detail) => health.set('log', detail === undefined ? { ok } : { ok, detail }, false),
    ...(process !== undefined && { process }),
    ...(options.logTo !== undefined && { destination: options.logTo }),
  })
  const { logger, accessLog } = log
  const metrics = createMetrics()
  metrics.buildInfo.labels(version, globalThis.process.version).set(1)
  // The supervisor says for all of its workers, once, what has failed.
  const health: Health = onHealth === undefined ? tellingHealth(logger) : new Health(() => {}, onHealth)
  const opened: (() => Promise<void>)[] = [() => log.close()]
  const close = async () => {
    for (const closeNext of opened.splice(0).reverse()) await closeNext()
  }
  const { env } = options
  return { settings, env, now, monotonic, logger, accessLog, metrics, health, local, opened, close }
}

function tellingHealth(logger: Logger): Health {
  return new Health((part, condition) =>
    condition.ok
      ? logger.info({ part }, 'part recovered')
      : logger.error({ part, detail: condition.detail }, 'part failed'),
  )
}

async function closingOnFailure<T>({ close }: Base, start: () => Promise<T>): Promise<T> {
  try {
    return await start()
  } catch (error) {
    await close()
    throw error
  }
}

interface Roles {
  readonly gateway: boolean
  readonly jobs: boolean
  readonly speaks: boolean
  readonly first: boolean
}

interface RunningRoles {
  readonly listeners: readonly string[]
  readonly enrollment: string | undefined
  /** Brings gauges up to date before they are read. */
  measure(): Promise<void>
  reload(): Promise<void>
}

async function startRoles(base: Base, roles: Roles): Promise<RunningRoles> {
  const { settings, now, local, health, opened } = base
  if (roles.gateway) health.begin('gateway')
  const random = systemRandom()
  let announce = () => {}
  const record = await openStore(settings.store, { now, onChange: () => announce() })
  opened.push(() => record.close())
  const store = guardedRecord(record, base)
  const shared = await openShared(store, random, base)
  opened.push(() => shared.close())
  const notices = together(local.notices, shared.notices)
  announce = () => void notices.announce()
  const parts = { ...base, store, shared, notices, random, speaks: roles.speaks }
  const gateway = roles.gateway ? await startGateway(parts, roles) : undefined
  const jobs = roles.jobs ? startJobs(parts) : undefined
  if (jobs !== undefined) opened.push(() => jobs.close())
  const enrollment = roles.jobs ? await startEnrollmentRole(parts) : undefined
  if (enrollment !== undefined) opened.push(() => enrollment.close())
  return {
    listeners: gateway?.urls ?? [],
    enrollment: enrollment?.url,
    async measure() {
      gateway?.measure()
      // While the record is away, or closed already, the gauges keep their last values; its own condition is told elsewhere.
      await jobs?.measure().catch((error: unknown) => base.logger.debug({ err: error }, 'cannot be measured'))
    },
    async reload() {
      await gateway?.reload()
      await enrollment?.reload()
    },
  }
}

async function startGateway(parts: Base & Parameters<typeof startGatewayRole>[0], { speaks, first }: Roles) {
  const { settings, store, now, logger, health, metrics, opened } = parts
  const gateway = await startGatewayRole(parts)
  if (speaks && first) await audit('gateway.started', store, now())
  opened.push(async () => {
    health.drain()
    await gateway.close(settings.limits.drainFor)
    if (!speaks) return
    await audit('gateway.stopped', store, now()).catch((error: unknown) =>
      logger.error({ err: error }, 'the stop is not in the audit log'),
    )
  })
  metrics.processes.set(1)
  health.set('gateway', { ok: true }, true)
  logger.info({ version, listeners: gateway.urls }, 'gateway listening')
  return gateway
}

async function audit(action: 'gateway.started' | 'gateway.stopped', store: Store, at: number): Promise<void> {
  const event = { at, action, actor: userInfo().username, subject: 'gateway', details: { version } }
  await store.audit.append(event)
}

function reportRestarts(running: Settings, env: NodeJS.ProcessEnv, logger: Logger): void {
  const changed = changedSections(running, env)
  if ('problems' in changed) logger.error(changed, 'settings have mistakes; the running ones stay')
  else if (changed.sections.length > 0) logger.warn(changed, 'settings changed that need a restart')
}

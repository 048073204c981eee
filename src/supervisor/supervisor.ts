/**
 * The supervisor is the process that was started, when there are to be several: it forks the workers that share the
 * listeners, replaces those that end or hang, runs the management listener for all of them, passes their log lines,
 * notices and signals on, and does nothing else. It has no record, no policy and no connection of a client, so that
 * there is little it could end from; when it ends, its workers do as well.
 *
 * Connections are handed out in turns (`cluster.SCHED_RR`): docs/architecture.md says why.
 */
import cluster, { type Worker } from 'node:cluster'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startManagement } from '../management/management.ts'
import { changedSections } from '../settings/changed-sections.ts'
import type { Settings } from '../settings/settings.ts'
import { createAnswers } from '../shared-state/asked.ts'
import { Health } from '../telemetry/health.ts'
import { openLogger } from '../telemetry/logger.ts'
import { createMetrics } from '../telemetry/metrics.ts'
import { MetricsOfTheWhole, snapshot } from '../telemetry/metrics-of-the-whole.ts'
import { keepHandedConnections } from './handed-connections.ts'
import { healthOfTheWhole } from './health-of-the-whole.ts'
import type { WorkerKind } from './messages.ts'
import { Places } from './places.ts'

export interface SupervisorOptions {
  readonly settings: Settings
  /** The text that they were read from: what a worker is started with later must not differ. */
  readonly settingsText: string
  /** How many gateway processes. */
  readonly processes: number
  readonly env: NodeJS.ProcessEnv
  readonly now: () => number
  /** Where the log goes; standard output when undefined. */
  readonly logTo?: string | number
  /** Milliseconds; 15 seconds when undefined. */
  readonly hungAfter?: number
}

export interface Supervisor {
  /** Where the gateway's listeners are, such as `https://127.0.0.1:8443`. */
  readonly listeners: readonly string[]
  readonly management: string
  reload(): Promise<void>
  /** Is not ready for `limits.stopDelay`, then lets all workers drain and end, for `limits.drainFor`. */
  close(): Promise<void>
}

const hungAfterDefault = 15_000
/** Milliseconds for which `/metrics` waits for a worker's newest values; then those of its last beat stand. */
const measureWithin = 500

/** @throws WorkerFailed when the first worker cannot start, or what the management listener throws */
export async function startSupervisor(options: SupervisorOptions): Promise<Supervisor> {
  const { settings, settingsText, env, now } = options
  const log = openLogger({
    level: settings.log.level,
    now,
    process: 'supervisor',
    onCondition: (ok, detail) => health.set('log', detail === undefined ? { ok } : { ok, detail }, false),
    ...(options.logTo !== undefined && { destination: options.logTo }),
  })
  const { logger } = log
  const health = new Health((part, condition) =>
    condition.ok
      ? logger.info({ part }, 'part recovered')
      : logger.error({ part, detail: condition.detail }, 'part failed'),
  )
  const metrics = createMetrics()
  const whole = new MetricsOfTheWhole()
  let draining = false

  const report = () => {
    const processes = places.gateways.map((worker) => ({
      report: worker?.report,
      serves: worker?.serves ?? false,
    }))
    return healthOfTheWhole(processes, draining, places.jobs?.report?.parts)
  }
  const places: Places = new Places({
    fork(kind) {
      const worker = forkWorker(kind)
      const others = () => places.gateways.filter((other) => other?.pid !== worker.process.pid)
      keepHandedConnections(worker, () => kind === 'gateway' && others().some((other) => other?.serves))
      return worker
    },
    settings: { file: settings.file, text: settingsText },
    gateways: options.processes,
    hungAfter: options.hungAfter ?? hungAfterDefault,
    onLines: log.pass,
    onChange() {
      // The number of processes has log lines of its own.
      const { processes: _, ...parts } = report().parts
      for (const [part, condition] of Object.entries(parts)) {
        if (condition.detail === 'starting') health.begin(part)
        else health.set(part, condition, false)
      }
    },
    onNotice(from) {
      for (const worker of places.workers) if (worker !== from) worker.send({ type: 'notice' })
    },
    onReady: ({ seat, pid }) => logger.info({ worker: seat.process, pid }, 'process ready'),
    onQuestion: createAnswers(() => performance.now()),
    onFailed({ seat, pid }, { message, problems }) {
      logger.error({ worker: seat.process, pid, problem: message, problems }, 'a process cannot start')
    },
    onLost({ seat, pid }, how) {
      metrics.processesLost.labels(how.cause).inc()
      logger.error({ worker: seat.process, pid, ...how }, 'a process was lost and is replaced')
    },
    onEnd: (worker) => void whole.end(worker.metrics),
  })

  const readMetrics = async () => {
    const { workers } = places
    await Promise.all(workers.filter(({ serves }) => serves).map((worker) => worker.measure(measureWithin)))
    const own = (await snapshot(metrics.registry)).filter(({ name }) => ownMetrics.has(name))
    return whole.text([...workers, { metrics: own, serves: true }])
  }
  const management = await startManagement({
    ...settings.management.listen,
    health: {
      report() {
        const told = report()
        return { ...told, parts: { ...health.report().parts, ...told.parts } }
      },
    },
    metrics: { contentType: metrics.registry.contentType, read: readMetrics },
  })
  const close = async (afterwards = settings.limits.stopDelay) => {
    draining = true
    await delay(afterwards)
    await places.stop(settings.limits.drainFor)
    await management.close()
    await log.close()
  }
  const listeners = await places.start().catch(async (error: unknown) => {
    await close(0)
    throw error
  })
  logger.info({ processes: options.processes, listeners }, 'gateway processes started')
  return {
    listeners,
    management: management.url,
    async reload() {
      const changed = changedSections(settings, env)
      if ('problems' in changed) logger.error(changed, 'settings have mistakes; the running ones stay')
      else if (changed.sections.length > 0) logger.warn(changed, 'settings changed that need a restart')
      for (const worker of places.workers) worker.send({ type: 'reload' })
    },
    close: () => close(),
  }
}

/** What the supervisor itself counts; everything else is the workers'. */
const ownMetrics: ReadonlySet<string> = new Set(['gatehouse_processes_lost_total'])

function forkWorker(kind: WorkerKind): Worker {
  cluster.schedulingPolicy = cluster.SCHED_RR
  cluster.setupPrimary({
    execArgv: kind === 'jobs' ? [...withoutHeapFlags(process.execArgv), ...jobsFlags] : process.execArgv,
    exec: fileURLToPath(new URL('../worker.ts', import.meta.url)),
    args: [],
    // Lines come here as a pipe, so that one process alone writes the log.
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  return cluster.fork()
}

/**
 * What comes and goes while a fleet of 100,000 devices is read would let V8 grow to twice what it needs: a small nursery (MiB),
 * and half as much again as what is left over from the last collection before the next one.
 */
export const jobsFlags = ['--max-semi-space-size=4', '--heap-growing-percent=50'] as const

function withoutHeapFlags(flags: readonly string[]): readonly string[] {
  return flags.filter((flag) => !flag.startsWith('--max-semi-space-size'))
}

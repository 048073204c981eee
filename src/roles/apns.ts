import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { type PushEvent, PushWorker } from '../apns/apns.ts'
import {
  type PushCertificate,
  PushCertificateUnusable,
  readPushCertificate,
  stampOf,
} from '../apns/push-certificate.ts'
import { followChanges } from '../devices/changes.ts'
import { whileLeased } from '../lib/while-leased.ts'
import type { ApnsSettings } from '../settings/build-apns.ts'
import type { Notices } from '../shared-state/ports.ts'
import type { Store } from '../store/ports.ts'
import type { Health } from '../telemetry/health.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { failureReporter } from './report-failure.ts'

export interface ApnsParts {
  readonly settings: { readonly apns?: ApnsSettings }
  readonly store: Pick<Store, 'leases' | 'pushOutbox' | 'enrollments' | 'changes'>
  /** Undefined: wanted pushes are seen at the next look, 200 ms later. */
  readonly notices?: Notices
  readonly logger: Logger
  readonly metrics: Metrics
  readonly health: Health
  readonly now: () => number
  /** Different for each process. */
  readonly holder: string
}

export interface ApnsRole {
  /** Brings gauges up to date before they are read. */
  measure(): Promise<void>
  close(): Promise<void>
}

const lease = { name: 'apns', ttl: 15_000 }
/** Milliseconds between two looks at the certificate's files. */
const lookEvery = 5_000
const day = 86_400_000
/** Days before its end: from when the log says so, and from when it is a condition of its own. */
const warnFrom = 60
const failFrom = 30

/** @returns undefined when the settings have no `apns` */
export function startApnsRole(parts: ApnsParts): ApnsRole | undefined {
  const { apns } = parts.settings
  if (apns === undefined) return undefined
  const { store, logger, holder } = parts
  const stop = new AbortController()
  const failed = failureReporter(logger, 'warn')
  const running = whileLeased({
    ...lease,
    leases: store.leases,
    holder,
    signal: stop.signal,
    onError: (error) => failed(error, 'no device is pushed to for now'),
    work: (signal) => pushUntil(signal, apns, parts),
  })
  return {
    measure: () => measure(parts),
    async close() {
      stop.abort()
      await running
    },
  }
}

async function pushUntil(signal: AbortSignal, apns: ApnsSettings, parts: ApnsParts): Promise<void> {
  const files = new WatchedCertificate(apns, parts)
  const certificate = await files.first(signal)
  if (certificate === undefined) return
  const { store, now, logger, health, notices } = parts
  const failed = failureReporter(logger, 'warn')
  const worker = new PushWorker({
    certificate,
    origin: apns.server,
    ...(apns.ca.length > 0 && { ca: apns.ca.map((file) => readFileSync(file, 'utf8')).join('\n') }),
    most: apns.connections,
    timeout: 10_000,
    pingAfter: 3_600_000,
    outbox: store.pushOutbox,
    enrollments: store.enrollments,
    now,
    newId: randomUUID,
    random: Math.random,
    sleep: async (ms, stopped) => void (await delay(ms, undefined, { signal: stopped, ref: false })),
    onPush: (event) => report(event, parts),
    onCondition: (ok, detail) => health.set('apns', detail === undefined ? { ok } : { ok, detail }, false),
    onError: (error) => failed(error, 'pushes cannot be read or written for now'),
  })
  const changes = followChanges({
    changes: store.changes,
    ...(notices && { notices }),
    onChange: ({ kind }) => {
      if (kind === 'push-wanted') worker.poke()
    },
    onGap: () => worker.poke(),
    onError: (error) => logger.debug({ err: error }, 'change notices cannot be read'),
  })
  const watching = files.follow(worker, signal)
  await worker.run(signal).finally(() => changes.close())
  await watching
}

/** The files of the push certificate: what is wrong with them is told, and what was read before stays in use. */
class WatchedCertificate {
  readonly #apns: ApnsSettings
  readonly #parts: ApnsParts
  #stamp: string | undefined
  #inUse: PushCertificate | undefined
  #warned: number | undefined

  constructor(apns: ApnsSettings, parts: ApnsParts) {
    this.#apns = apns
    this.#parts = parts
  }

  /** Waits until there is one that can be used. */
  async first(signal: AbortSignal): Promise<PushCertificate | undefined> {
    while (!signal.aborted) {
      const read = this.#read()
      if (read !== undefined) {
        this.#take(read)
        return read
      }
      await pause(signal)
    }
    return undefined
  }

  async follow(worker: PushWorker, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await pause(signal)
      const read = this.#read()
      if (read !== undefined) this.#reload(worker, read)
      this.#watchEnd()
    }
  }

  #reload(worker: PushWorker, read: PushCertificate): void {
    try {
      worker.use(read)
      this.#take(read)
      this.#parts.logger.info({ topic: read.topic }, 'push certificate reloaded')
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      this.#refuse(error.message)
    }
  }

  #take(certificate: PushCertificate): void {
    this.#inUse = certificate
    this.#warned = undefined
    this.#parts.metrics.pushCertificateEnd.set(certificate.notAfter / 1000)
    this.#parts.health.set('push certificate', { ok: true }, false)
    this.#watchEnd()
  }

  /** Undefined when nothing has changed, or what is there cannot be used. */
  #read(): PushCertificate | undefined {
    const stamp = stampOf(this.#apns)
    if (stamp === this.#stamp) return undefined
    this.#stamp = stamp
    try {
      return readPushCertificate(this.#apns)
    } catch (error) {
      if (!(error instanceof PushCertificateUnusable)) throw error
      this.#refuse(error.message)
      return undefined
    }
  }

  #refuse(detail: string): void {
    this.#parts.health.set('push certificate', { ok: false, detail }, false)
  }

  /** Once a day, since nobody renews what nobody is told of. */
  #watchEnd(): void {
    if (this.#inUse === undefined) return
    const { now, health, logger } = this.#parts
    const days = Math.floor((this.#inUse.notAfter - now()) / day)
    if (days === this.#warned) return
    this.#warned = days
    health.set(
      'push certificate',
      days > failFrom ? { ok: true } : { ok: false, detail: endingIn(days) },
      false,
      'end',
    )
    if (days <= warnFrom) logger.warn({ days }, endingIn(days))
  }
}

function endingIn(days: number): string {
  const when = days < 0 ? 'has ended' : `ends in ${days} days`
  return `the push certificate ${when}: renew it, with the same Apple account`
}

async function pause(signal: AbortSignal): Promise<void> {
  await delay(lookEvery, undefined, { signal, ref: false }).catch(() => {})
}

function report({ enrollment, id, answer, verdict }: PushEvent, { metrics, logger }: ApnsParts): void {
  metrics.pushes.labels(verdict).inc()
  if (verdict !== 'accepted') logger.info({ enrollment, push: id, answer }, 'push not accepted')
}

async function measure({ store, metrics }: ApnsParts): Promise<void> {
  metrics.pushesWanted.set(await store.pushOutbox.size())
}

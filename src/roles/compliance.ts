import { setTimeout as delay } from 'node:timers/promises'
import { Compliance, type NamedConnector } from '../compliance/compliance.ts'
import { type ConnectorDependencies, openConnector } from '../compliance/connectors/table.ts'
import type { PollEvent } from '../compliance/poll.ts'
import { complianceLease } from '../compliance/run-once.ts'
import { aliasesOf } from '../compliance/user-names.ts'
import type { WebhookListener } from '../compliance/webhooks.ts'
import { whileLeased } from '../lib/while-leased.ts'
import type { ComplianceSettings } from '../settings/build-compliance.ts'
import type { Counters, Notices } from '../shared-state/ports.ts'
import type { Store } from '../store/ports.ts'
import type { Health } from '../telemetry/health.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { failureReporter } from './report-failure.ts'
import { startVendorWebhooks } from './vendor-webhooks.ts'

export interface ComplianceParts {
  readonly settings: { readonly compliance: ComplianceSettings }
  readonly store: Store
  /** Undefined: changes are seen at the next look, 200 ms later. */
  readonly notices?: Notices
  readonly logger: Logger
  readonly metrics: Metrics
  readonly health: Health
  readonly now: () => number
  /** Different for each process. */
  readonly holder: string
  /** Limits of notifications are counted here; this process's own when undefined. */
  readonly shared?: { readonly counters: Counters }
  /** Other connectors than the settings', for tests. */
  readonly connectors?: readonly NamedConnector[]
}

export interface ComplianceRole {
  /** The listener for vendors' notifications, when it listens. */
  readonly webhooks?: Promise<WebhookListener | undefined>
  /** Brings gauges up to date before they are read. */
  measure(): Promise<void>
  close(): Promise<void>
}

/** @returns undefined when there is no vendor to ask */
export function startComplianceRole(parts: ComplianceParts): ComplianceRole | undefined {
  const opened = parts.connectors === undefined ? openConnectors(parts) : []
  const vendors = parts.connectors ?? opened
  if (vendors.length === 0) return undefined
  const stop = new AbortController()
  const { store, logger, holder } = parts
  const failed = failureReporter(logger, 'warn')
  const running = whileLeased({
    leases: store.leases,
    ...complianceLease,
    holder,
    signal: stop.signal,
    onError: (error) => failed(error, 'the vendors are not asked for now'),
    async work(signal) {
      await new Compliance(complianceOptions(parts, vendors)).run(signal)
    },
  })
  const webhooks = startVendorWebhooks(parts, vendors)
  return {
    ...(webhooks && { webhooks: webhooks.listening }),
    measure: () => measure(parts, vendors),
    async close() {
      stop.abort()
      await Promise.all([running, webhooks?.close()])
      await Promise.all(opened.map((one) => one.close()))
    },
  }
}

/** Also for the commands, which ask a vendor once. */
function complianceOptions(
  parts: Omit<ComplianceParts, 'holder'>,
  vendors: readonly NamedConnector[],
): ConstructorParameters<typeof Compliance>[0] {
  const { store, notices, now } = parts
  const { compliance } = parts.settings
  return {
    record: store,
    changes: store.changes,
    ...(notices && { notices }),
    vendors,
    rules: {
      grace: compliance.grace,
      maxSilence: compliance.maxSilence,
      surplus: compliance.surplus,
      aliases: aliasesOf(compliance.aliases),
    },
    brake: compliance.brake,
    whenGone: compliance.whenGone,
    smallestSweep: compliance.smallestSweep,
    interval: compliance.interval,
    askAgain: compliance.askAgain,
    now,
    random: Math.random,
    sleep: (milliseconds, signal) => delay(milliseconds, undefined, { signal, ref: false }),
    events: {
      onPoll: (vendor, event) => reportPoll(vendor, event, parts),
      onHeld: (vendor, held, news) => reportHeld(vendor, { held, news }, parts),
      onError: (error) => failureReporter(parts.logger, 'warn')(error, 'postures cannot be kept for now'),
    },
  }
}

function openConnectors({ settings, store, now, logger }: ComplianceParts) {
  const deps: ConnectorDependencies = {
    now,
    random: Math.random,
    fleet: store,
    onRetry: (event) => logger.debug(event, 'vendor is asked again'),
  }
  return settings.compliance.vendors.map((connection) => openConnector(connection, deps))
}

type Reporting = Pick<ComplianceParts, 'logger' | 'metrics' | 'health' | 'store' | 'now'>

function reportPoll(vendor: string, { kind, took, outcome, error }: PollEvent, parts: Reporting): void {
  const { logger, metrics, health } = parts
  metrics.vendorPolls.labels(vendor, kind, error === undefined ? 'done' : error.code).inc()
  if (kind === 'sweep') void auditChange(vendor, error, parts)
  if (kind === 'sweep') metrics.vendorSweepDuration.of(vendor)(took / 1000)
  if (outcome !== undefined && error === undefined)
    metrics.vendorDevices.labels(vendor).set(outcome.counts.devices)
  if (error !== undefined) {
    logger.error(
      { vendor, poll: kind, code: error.code, err: error },
      'vendor could not be read; what was known stays',
    )
    if (kind !== 'sweep') return
    const detail = `${vendor} could not be read (${error.code}): ${error.message}`
    health.set(`vendor ${vendor}`, { ok: false, detail }, false)
    return
  }
  logger[kind === 'sweep' ? 'info' : 'debug'](
    { vendor, poll: kind, took: Math.round(took), ...outcome?.counts },
    'vendor polled',
  )
  if (kind === 'sweep') health.set(`vendor ${vendor}`, { ok: true }, false)
}

/** Once when a vendor cannot be read any more, and once when it can be again; whichever process has asked it before. */
async function auditChange(
  vendor: string,
  error: PollEvent['error'],
  { store, logger, now }: Reporting,
): Promise<void> {
  try {
    const [, before] = await store.sweeps.list(vendor, 2)
    const failedBefore = before !== undefined && !before.complete
    if ((error !== undefined) === failedBefore) return
    const action = error === undefined ? 'vendor.recovered' : 'vendor.failed'
    const details = error === undefined ? {} : { code: error.code }
    const why = error === undefined ? {} : { why: error.message }
    await store.audit.append({ at: now(), action, actor: 'compliance', subject: vendor, ...why, details })
  } catch (cause) {
    logger.error({ err: cause, vendor }, 'whether the vendor can be read is not in the audit log')
  }
}

function reportHeld(
  vendor: string,
  { held, news }: { readonly held: number; readonly news: number },
  { logger, metrics, health, store, now }: Reporting,
): void {
  metrics.vendorHeld.labels(vendor).set(held)
  const part = `brake ${vendor}`
  if (held === 0) {
    health.set(part, { ok: true }, false)
    return
  }
  const detail = `${vendor} would block ${held} clients at once; they stay until: gatehouse vendor confirm ${vendor}`
  health.set(part, { ok: false, detail }, false)
  if (news === 0) return
  logger.error({ vendor, held, news }, 'held back: this poll would block very many at once')
  void store.audit
    .append({
      at: now(),
      action: 'vendor.held',
      actor: 'compliance',
      subject: vendor,
      details: { held, news },
    })
    .catch((error: unknown) => logger.error({ err: error }, 'the brake is not in the audit log'))
}

async function measure({ store, metrics }: Reporting, vendors: readonly NamedConnector[]): Promise<void> {
  const swept = await store.sweeps.lastComplete()
  for (const { name } of vendors) {
    metrics.vendorHeld.labels(name).set(await store.postures.heldCount(name))
    metrics.vendorLastSuccess.labels(name).set((swept.get(name) ?? 0) / 1000)
  }
}

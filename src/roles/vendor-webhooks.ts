import { setTimeout as delay } from 'node:timers/promises'
import type { NamedConnector } from '../compliance/compliance.ts'
import { startWebhooks, type WebhookListener, type WebhookOutcome } from '../compliance/webhooks.ts'
import type { ComplianceSettings } from '../settings/build-compliance.ts'
import { createCounters } from '../shared-state/memory.ts'
import type { Counters } from '../shared-state/ports.ts'
import type { Store } from '../store/ports.ts'
import type { Health } from '../telemetry/health.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Metrics } from '../telemetry/metrics.ts'

export interface VendorWebhookParts {
  readonly settings: { readonly compliance: Pick<ComplianceSettings, 'webhooks' | 'vendors'> }
  readonly store: Pick<Store, 'links'>
  readonly logger: Logger
  readonly metrics: Pick<Metrics, 'vendorNotifications'>
  readonly health: Health
  readonly now: () => number
  /** This process's own when undefined. */
  readonly shared?: { readonly counters: Counters }
}

export interface VendorWebhooks {
  /** When it listens. */
  readonly listening: Promise<WebhookListener | undefined>
  close(): Promise<void>
}

/** Milliseconds. */
const tryAgain = 5_000

/**
 * Every process that may ask the vendors listens for their notifications, whether it is its turn to ask or not: what arrives
 * goes into the record. Without the listener the vendors are still asked, so that it is tried again and keeps nothing from starting.
 * @returns undefined when the settings have no such listener
 */
export function startVendorWebhooks(
  parts: VendorWebhookParts,
  connectors: readonly NamedConnector[],
): VendorWebhooks | undefined {
  const { webhooks } = parts.settings.compliance
  if (webhooks === undefined) return undefined
  const stop = new AbortController()
  const options = {
    settings: webhooks,
    vendors: vendorsOf(parts, connectors),
    links: parts.store.links,
    counters: parts.shared?.counters ?? createCounters({ now: () => performance.now() }),
    now: parts.now,
    onNotification: reporter(parts),
  }
  const listening = listen(options, parts, stop.signal)
  return {
    listening,
    async close() {
      stop.abort()
      await (await listening)?.close()
    },
  }
}

async function listen(
  options: Parameters<typeof startWebhooks>[0],
  { health, logger }: VendorWebhookParts,
  signal: AbortSignal,
): Promise<WebhookListener | undefined> {
  while (!signal.aborted) {
    try {
      const listener = await startWebhooks(options)
      health.set('vendor notifications', { ok: true }, false)
      logger.info({ listener: listener.url }, 'listening for notifications of vendors')
      return listener
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error)
      health.set('vendor notifications', { ok: false, detail }, false)
      await delay(tryAgain, undefined, { signal, ref: false }).catch(() => {})
    }
  }
  return undefined
}

function vendorsOf(
  { settings }: VendorWebhookParts,
  connectors: readonly NamedConnector[],
): Parameters<typeof startWebhooks>[0]['vendors'] {
  return settings.compliance.vendors.flatMap(({ settings: { name, webhook } }) => {
    const connector = connectors.find((one) => one.name === name)?.connector
    return webhook === undefined || connector === undefined ? [] : [{ name, webhook, connector }]
  })
}

function reporter({ logger, metrics }: VendorWebhookParts) {
  return (vendor: string | undefined, outcome: WebhookOutcome, error?: unknown) => {
    metrics.vendorNotifications.labels(vendor ?? 'none', outcome).inc()
    if (outcome === 'taken' || outcome === 'empty') logger.debug({ vendor, outcome }, 'a vendor has notified')
    else if (vendor !== undefined)
      logger.warn(
        { vendor, outcome, ...(error !== undefined && { err: error }) },
        'a notification was not taken',
      )
  }
}

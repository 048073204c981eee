/**
 * Roles put parts together: what one process may run alone or with others. Nothing but `main.ts` and this folder
 * constructs things. The gateway: a core that decides and carries exchanges, listeners that bring them, and what goes
 * on beside them.
 */
import { startBackground } from './gateway-background.ts'
import { openCore } from './gateway-core.ts'
import { openListeners, urlOf } from './gateway-listeners.ts'
import type { GatewayParts } from './gateway-parts.ts'

export interface GatewayRole {
  readonly urls: readonly string[]
  reload(): Promise<void>
  /** Brings gauges up to date before they are read. */
  measure(): void
  close(drainFor: number): Promise<void>
}

export async function startGatewayRole(parts: GatewayParts): Promise<GatewayRole> {
  const core = await openCore(parts)
  const listeners = await openListeners(parts, core).catch(async (error: unknown) => {
    core.bypasses.close()
    await core.relay.close()
    throw error
  })
  const background = startBackground(parts, core, listeners)
  return {
    urls: listeners.map(urlOf),
    async reload() {
      if (await core.policy.reload()) await core.live.reconsiderAll()
      await background.reloadTls()
    },
    measure() {
      parts.metrics.open.set(core.live.size)
      parts.metrics.hotDevices.set(core.devices.hot.keys)
      parts.metrics.hotBytes.set(core.devices.hot.bytes)
      parts.metrics.connections.set(
        listeners.reduce((sum, { listener }) => sum + listener.openConnections, 0),
      )
      parts.metrics.bypasses.reset()
      for (const service of core.bypasses.services()) parts.metrics.bypasses.labels(service).set(1)
      for (const { service, upstream, healthy } of core.relay.upstreamHealth()) {
        parts.metrics.upstreamHealthy.labels(service, upstream).set(healthy ? 1 : 0)
      }
    },
    async close(drainFor) {
      // A block or a wrong policy still cuts off what is draining.
      await Promise.all(listeners.map(({ listener }) => listener.drain(drainFor)))
      await core.running.settled(lastWords)
      background.close()
      await core.relay.close()
      await core.journal.flush()
      await core.tokens.uses.close()
      await core.osUpdates.close()
    },
  }
}

/** Milliseconds for the exchanges that `drainFor` has cut off to be written down. */
const lastWords = 2_000

import { followChanges } from '../devices/changes.ts'
import { type TlsWatch, watchTlsMaterial } from '../gateway/listener/tls-material.ts'
import type { Change } from '../store/ports.ts'
import type { Core } from './gateway-core.ts'
import { reportCertificates, startProbe } from './gateway-health.ts'
import { type OpenListener, withOwnAuthorities } from './gateway-listeners.ts'
import type { GatewayParts } from './gateway-parts.ts'
import { failureReporter } from './report-failure.ts'

/** What goes on beside the requests. */
export interface Background {
  reloadTls(): Promise<void>
  close(): void
}

/** Milliseconds between two looks at the open exchanges for what changes by time alone (`registeredWithin`, `from:`). */
const reconsiderEvery = 30_000

/** Milliseconds between two looks at which certificates have ended by time alone: their authority is trusted no more then. */
const endedEvery = 3_600_000

export function startBackground(
  parts: GatewayParts,
  core: Core,
  listeners: readonly OpenListener[],
): Background {
  const { store, logger } = parts
  const failed = failureReporter(logger, 'error')
  const onError = (error: unknown) => failed(error, 'background work failed')
  const readAnew = () => {
    void core.live.reconsiderApps().catch(onError)
    void Promise.all([core.bypasses.refresh(), core.vendors.refresh()])
      .then(() => core.live.reconsiderAll())
      .catch(onError)
  }
  const changes = followChanges({
    changes: store.changes,
    notices: parts.notices,
    onChange: (change) => void apply(change, parts, core).catch(onError),
    onGap: (asOf) => {
      core.devices.dropAll(asOf)
      core.tokens.known.changed()
      core.certificates.changed()
      readAnew()
    },
    onBack: (asOf) => {
      core.devices.seen(asOf)
      readAnew()
    },
    onError: (error) => logger.debug({ err: error }, 'change notices cannot be read'),
  })
  const sweep = setInterval(() => void core.live.reconsiderAll().catch(onError), reconsiderEvery).unref()
  const probe = startProbe(parts)
  void core.policy.follow(async () => core.live.reconsiderAll())
  const certificates = followCertificates(parts, core, listeners)
  const hourly = setInterval(() => core.certificates.changed(), endedEvery).unref()
  return {
    reloadTls: async () => certificates?.reload(),
    close() {
      clearInterval(sweep)
      clearInterval(hourly)
      probe.close()
      changes.close()
      core.live.close()
      core.bypasses.close()
      core.vendors.close()
      core.tokens.known.close()
      core.certificates.close()
      core.policy.close()
      certificates?.close()
    },
  }
}

/** New certificates serve new connections; when they are wrong, the ones before stay and readiness says so. */
function followCertificates(
  parts: GatewayParts,
  core: Core,
  listeners: readonly OpenListener[],
): TlsWatch | undefined {
  const { settings, logger, health } = parts
  if (settings.gateway.tls === undefined) return undefined
  const watch = watchTlsMaterial(settings.gateway.tls, {
    onMaterial(files) {
      const material = withOwnAuthorities(files, parts, core)
      for (const { scheme, listener } of listeners) if (scheme === 'https') listener.reloadTls(material)
      reportCertificates(material, parts)
      health.set('certificates', { ok: true }, false)
      logger.info('certificates reloaded')
    },
    onError(error) {
      const detail = error instanceof Error ? error.message : String(error)
      health.set('certificates', { ok: false, detail: `new files are not in use: ${detail}` }, false)
      logger.error({ err: error }, 'certificates rejected; the ones before stay in use')
    },
  })
  core.onAuthorities(() => void watch.reload())
  return watch
}

/** A committed change, made by whichever process: copies are dropped and the open exchanges decided again. */
async function apply(change: Change, parts: GatewayParts, core: Core): Promise<void> {
  core.devices.seen(change.sequence)
  switch (change.kind) {
    case 'registration':
      core.devices.drop(change.subject, change)
      return core.live.reconsiderDevice(change.subject)
    case 'bypass':
      // One that was ended has its exchanges decided again (`onEnd`).
      await core.bypasses.refresh()
      return parts.logger.warn({ services: core.bypasses.services() }, 'bypasses have changed')
    case 'vendor':
      // Newer news of the same devices: what they change is announced device by device.
      return core.vendors.refresh()
    case 'certificate':
      core.certificates.told(change.subject)
      return core.live.reconsiderCertificate(change.subject)
    case 'app':
      return core.live.revokeApp(change.subject)
    case 'mdm-token':
      return core.tokens.known.changed()
    case 'approval':
      return // read from the record at the next request of the waiting device
    case 'enrollment':
    case 'push-wanted':
      return // what they mean for registrations is announced registration by registration
  }
}

/** The push worker as a process has it: with its lease, its certificate in a file, and the record's notices. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startApnsRole } from '../../src/roles/apns.ts'
import type { ApnsSettings } from '../../src/settings/build-apns.ts'
import type { StoreLocation } from '../../src/store/location.ts'
import { openStore } from '../../src/store/open.ts'
import { Health } from '../../src/telemetry/health.ts'
import { openLogger } from '../../src/telemetry/logger.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'

export interface RoleSetup {
  readonly location: StoreLocation
  readonly settings: ApnsSettings
  readonly holder: string
  /** File that the log goes to. */
  readonly log: string
}

/** Writes the files that settings name. @returns the settings */
export function apnsFiles(
  folder: string,
  { origin, ca, certificate }: { readonly origin: string; readonly ca: string; readonly certificate: string },
): ApnsSettings {
  const file = (name: string, content: string) => {
    writeFileSync(join(folder, name), content)
    return join(folder, name)
  }
  const written = {
    ...{ certificate: { file: 'push.pem' }, server: new URL(origin), connections: 2, ca: ['ca.pem'] },
  }
  return {
    ...{ certificate: file('push.pem', certificate), server: origin, connections: 2 },
    ...{ ca: [file('ca.pem', ca)], written },
  }
}

export async function startRole(
  { location, settings, holder, log }: RoleSetup,
  now: () => number = Date.now,
) {
  const store = await openStore(location, { now })
  const { logger } = openLogger({ level: 'info', destination: log, now })
  const metrics = createMetrics()
  const health = new Health(() => {})
  const role = startApnsRole({ settings: { apns: settings }, store, logger, metrics, health, now, holder })
  const close = async () => {
    await role?.close()
    await store.close()
  }
  return { store, metrics, health, close }
}

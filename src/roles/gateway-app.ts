import type { MdmTokenVerifier } from '../domain/mdm-token.ts'
import { type CompanyApp, openCompanyApp } from '../gateway/app/company-app.ts'
import { createReportedDevices } from '../gateway/app/reported-devices.ts'
import type { Routes } from '../gateway/routing.ts'
import type { GatewayParts } from './gateway-parts.ts'

/** What a gateway process does for the company app; undefined when the settings have none. */
export function openApp(
  parts: GatewayParts,
  { routes, mdmTokens }: { readonly routes: Routes; readonly mdmTokens: MdmTokenVerifier },
): CompanyApp | undefined {
  const { settings, store, shared, random, now, logger } = parts
  if (settings.app === undefined) return undefined
  return openCompanyApp({
    settings: settings.app,
    devices: store.appDevices,
    tickets: store.bindingTickets,
    reported: createReportedDevices(store.managedDevices),
    mdmTokens,
    nonces: shared.nonces,
    counters: shared.counters,
    routes,
    userOfGrant: (key) => store.grants.userOf(key.hash, now()),
    newSecret: random.secret,
    newDeviceId: () => `d_${random.id()}`,
    now,
    onError: (error) => logger.warn({ err: error }, 'attempts of the company app cannot be counted'),
  })
}

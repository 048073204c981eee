import {
  type VendorConnection,
  type VendorType,
  vendorSections,
} from '../../settings/sections/vendors/table.ts'
import { createBlackBerry } from './blackberry.ts'
import type { Connector, CreateConnector, EnrolledFleet } from './connector.ts'
import { createFleet } from './fleet.ts'
import { createGatehouse } from './gatehouse.ts'
import { createGeneric } from './generic.ts'
import { createVendorHttp, type VendorHttpOptions } from './http.ts'
import { createIntune } from './intune.ts'
import { createJamf } from './jamf.ts'
import { createMaas360 } from './maas360.ts'
import { createMobileironCloud } from './mobileiron-cloud.ts'
import { createMobileironCore } from './mobileiron-core.ts'
import { createWorkspaceOne } from './workspace-one.ts'
import { createXenmobile } from './xenmobile.ts'

type SettingsOf<Type extends VendorType> = Extract<VendorConnection, { type: Type }>['settings']

/** The vendors, one file each here and one in `settings/sections/vendors/`. */
export const connectors: { readonly [Type in VendorType]: CreateConnector<SettingsOf<Type>> } = {
  'workspace-one': createWorkspaceOne,
  'mobileiron-core': createMobileironCore,
  'mobileiron-cloud': createMobileironCloud,
  maas360: createMaas360,
  xenmobile: createXenmobile,
  blackberry: createBlackBerry,
  fleet: createFleet,
  gatehouse: createGatehouse,
  generic: createGeneric,
  intune: createIntune,
  jamf: createJamf,
}

/** As administrators call the product. */
export function vendorTitle(type: VendorType): string {
  return vendorSections[type].title
}

export interface ConnectorDependencies
  extends Pick<VendorHttpOptions, 'now' | 'random' | 'sleep' | 'onRetry'> {
  /** The record, where connectors may be asked for the devices of our own enrollment. */
  readonly fleet?: EnrolledFleet
}

export interface OpenConnector {
  readonly name: string
  readonly type: VendorType
  readonly connector: Connector
  /** Signs out where the vendor knows that, and ends the connections. */
  close(): Promise<void>
}

/** Makes a connection's connector, with the HTTP that its settings ask for. Nothing is sent yet. */
export function openConnector(connection: VendorConnection, deps: ConnectorDependencies): OpenConnector {
  const { type, settings } = connection
  const { name, url: base, ca, proxy, timeout } = settings
  const http = createVendorHttp({ ...deps, base, ca, timeout, ...(proxy && { proxy }) })
  const create = connectors[type] as CreateConnector<typeof settings> // the table gives each type its own
  const { fleet, now } = deps
  const connector = create({ name, settings, http, now, ...(fleet && { fleet }) })
  return {
    name,
    type,
    connector,
    async close() {
      await connector.close().finally(() => http.close())
    },
  }
}

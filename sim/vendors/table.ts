import type { VendorType } from '../../src/settings/sections/vendors/table.ts'
import { startAcme } from './acme.ts'
import { simulatedTenant, startBlackBerry } from './blackberry.ts'
import { startFleetDm } from './fleetdm.ts'
import { startIntune } from './intune.ts'
import { simulatedGroup, startJamf } from './jamf.ts'
import { startMaas360 } from './maas360.ts'
import { startMobileironCloud } from './mobileiron-cloud.ts'
import { startMobileironCore } from './mobileiron-core.ts'
import type { VendorSimulation, VendorSimulationOptions } from './vendor-simulation.ts'
import { startWorkspaceOne } from './workspace-one.ts'
import { startXenmobile } from './xenmobile.ts'

/** How one vendor is simulated, and how a connection to the simulation is set up. */
export interface VendorCounterpart {
  start(options: VendorSimulationOptions): Promise<VendorSimulation>
  /** As it would stand in the file, without `name`; secrets in the environment, named as in `simulatedCredentials`. */
  settings(url: string): Readonly<Record<string, unknown>>
}

const withClient = { clientId: 'gatehouse-client', clientSecret: { env: 'clientSecret' } }
const withUser = { user: 'svc-gatehouse', password: { env: 'password' } }

/** For each type of connection, its simulator; Gatehouse’s own enrollment is no vendor that could be simulated. */
export const counterparts: { readonly [Type in Exclude<VendorType, 'gatehouse'>]: VendorCounterpart } = {
  'workspace-one': {
    start: startWorkspaceOne,
    settings: (url) => ({ type: 'workspace-one', url, ...withUser, tenantCode: { env: 'apiKey' } }),
  },
  'mobileiron-core': {
    start: startMobileironCore,
    settings: (url) => ({ type: 'mobileiron-core', url, ...withUser }),
  },
  'mobileiron-cloud': {
    start: startMobileironCloud,
    settings: (url) => ({ type: 'mobileiron-cloud', url, ...withUser }),
  },
  maas360: {
    start: startMaas360,
    settings: (url) => ({
      type: 'maas360',
      url,
      ...withUser,
      billingId: '30012345',
      appId: 'com.30012345.gatehouse',
      accessKey: { env: 'apiKey' },
    }),
  },
  xenmobile: { start: startXenmobile, settings: (url) => ({ type: 'xenmobile', url, ...withUser }) },
  intune: {
    start: startIntune,
    settings: (url) => ({
      type: 'intune',
      url,
      loginUrl: url,
      tenant: 'example.onmicrosoft.com',
      ...withClient,
    }),
  },
  blackberry: {
    start: startBlackBerry,
    settings: (url) => ({ type: 'blackberry', url: `${url}/${simulatedTenant}`, ...withUser }),
  },
  jamf: {
    start: startJamf,
    settings: (url) => ({ type: 'jamf', url, ...withClient, noncompliantGroup: simulatedGroup }),
  },
  fleet: {
    start: startFleetDm,
    settings: (url) => ({ type: 'fleet', url, token: { env: 'apiKey' }, policies: 'all' }),
  },
  generic: {
    start: startAcme,
    settings: (url) => ({
      type: 'generic',
      url: `${url}/mdm/v2/devices`,
      auth: { bearer: { env: 'apiKey' } },
      list: '/data/items',
      total: '/data/count',
      query: { limit: '500' },
      paging: { nextLink: '/links/next' },
      fields: {
        id: '/ref',
        serial: '/hw/sn',
        udid: '/hw/udid',
        imei: '/hw/imeis',
        userName: '/owner/login',
        email: '/owner/addresses/0',
        platform: '/os/kind',
        osVersion: '/os/version',
        management: '/enrolment',
        compliance: '/state',
      },
      values: {
        compliance: { compliant: ['ok'], noncompliant: ['violated'] },
        management: { managed: ['enrolled'] },
        platform: { ios: ['phone-a'], ipados: ['tablet-a'], android: ['phone-g'] },
      },
    }),
  },
}

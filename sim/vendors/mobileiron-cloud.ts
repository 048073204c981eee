/** MobileIron Cloud / Ivanti Neurons for MDM: Basic, device spaces, `start`/`rows`, an envelope with `errors` and `result`. */
import { runAlone, type SimulatedExchange } from '../simulation.ts'
import type { SimulatedDevice } from './fleet.ts'
import {
  startVendorSimulation,
  type VendorSimulation,
  type VendorSimulationOptions,
  type VendorState,
} from './vendor-simulation.ts'

const defaultSpace = 111111
const largestPage = 500

export function startMobileironCloud(options: VendorSimulationOptions): Promise<VendorSimulation> {
  return startVendorSimulation(options, { answer })
}

function answer(exchange: SimulatedExchange, state: VendorState): unknown {
  if (!state.basicIsRight(exchange)) return trouble(exchange, 401, 'Unauthorized')
  const { pathname } = exchange.url
  if (pathname === '/api/v1/tenant/partition/device') return spaces(exchange, state)
  if (state.faults.forbidden === true) return trouble(exchange, 403, 'Forbidden')
  if (pathname === '/api/v1/device') return list(exchange, state)
  const id = /^\/api\/v1\/device\/(\d+)$/.exec(pathname)?.[1]
  return id === undefined ? trouble(exchange, 404, 'NotFound') : one(exchange, state, id)
}

/** A device is in another space when its record says so (`raw.dmPartitionId`). */
function spaceOf({ raw }: SimulatedDevice): unknown {
  return raw.dmPartitionId ?? defaultSpace
}

function spaces(exchange: SimulatedExchange, state: VendorState): void {
  const ids = new Set([defaultSpace, ...state.fleet.list().map(spaceOf)])
  const searchResults = [...ids].map((id) => ({
    id,
    name: id === defaultSpace ? 'Default Space' : `Space ${id}`,
    defaultPartition: id === defaultSpace,
  }))
  exchange.json(200, { errors: null, result: { totalCount: ids.size, searchResults } })
}

async function list(exchange: SimulatedExchange, state: VendorState): Promise<void> {
  state.calls++
  const { searchParams } = exchange.url
  const rows = Number(searchParams.get('rows') ?? 50)
  const offset = Number(searchParams.get('start') ?? 0)
  if (!(rows >= 1 && rows <= largestPage)) return trouble(exchange, 400, 'Range', 'rows')
  const space = searchParams.get('dmPartitionId')
  const out = searchParams.get('fq')?.includes('complianceState=false') === true
  const matching = state
    .listed()
    .filter((device) => String(spaceOf(device)) === space)
    .filter((device) => !out || device.compliance === 'noncompliant')
  const result = {
    totalCount: state.total(matching.length),
    offset,
    limit: rows,
    queryTime: 41,
    totalUnfilteredResultCount: 0,
    facetedResults: {},
    searchResults: matching.slice(offset, offset + rows).map(recordOf),
  }
  const number = Math.floor(offset / rows) + 1
  await state.sendPage(exchange, { number, list: 'result.searchResults', body: { errors: null, result } })
}

function one(exchange: SimulatedExchange, state: VendorState, id: string): void {
  state.calls++
  const device = state.fleet.get(id)
  if (device === undefined) trouble(exchange, 404, 'NotFound')
  else exchange.json(200, { errors: null, result: recordOf(device) })
}

const states = { managed: 'ACTIVE', pending: 'PENDING', leaving: 'WIPE_PENDING', wiped: 'WIPED' }
const platforms = { ios: 'IOS', ipados: 'IOS', android: 'ANDROID', macos: 'OSX', windows: 'WINDOWS_PHONE' }

function recordOf(device: SimulatedDevice): object {
  const noncompliant = device.compliance === 'noncompliant'
  return {
    id: Number(device.id),
    guid: `5c1e7f3a-0d62-4b1d-9d34-${device.id.padStart(12, '0')}`,
    dmPartitionId: defaultSpace,
    dmPartitionName: 'Default Space',
    deviceModel: device.modelCode,
    prettyModel: device.model,
    platformType: platforms[device.platform],
    platformVersion: device.osVersion,
    serialNumber: device.serial,
    altSerialNumber: null,
    udid: device.platform === 'android' ? null : device.udid.replace(/^(.{8})/, '$1-'),
    imei: device.imei.replace(/^(..)(......)(......)(.)$/, '$1 $2 $3 $4'),
    imei2: null,
    meid: null,
    wifiMacAddress: 'a4:c3:f0:11:22:33',
    easDeviceIdentifiers: [device.easId, 'null'],
    azureDeviceId: device.entraId,
    azureUserUpn: null,
    uid: device.email,
    emailAddress: device.email,
    displayName: device.displayName,
    ownershipType: 'COMPANY',
    registrationState: states[device.management],
    lastCheckin: device.lastSeen,
    clientLastCheckin: device.lastSeen,
    complianceState: device.compliance === 'unknown' ? null : !noncompliant,
    policyViolationCount: device.reasons.length,
    violatedPolicies: device.reasons,
    quarantined: noncompliant,
    blocked: false,
    jailbroken: device.compromised,
    mamOnly: false,
    authOnly: false,
    ...device.raw,
  }
}

function trouble(exchange: SimulatedExchange, status: number, code: string, field?: string): void {
  const error = { code, message: `Error ${status}` }
  const errors = field
    ? { globalErrors: null, fieldErrors: [{ ...error, field }] }
    : { globalErrors: [error], fieldErrors: null }
  exchange.json(status, { errors, result: null })
}

await runAlone(import.meta, startMobileironCloud, 9103)

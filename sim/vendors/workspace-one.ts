/**
 * Workspace ONE UEM (AirWatch), REST API version 1: Basic with the tenant's API key or OAuth client credentials, pages
 * from 0 with `Total`, 204 for nothing, errors with `errorCode`.
 */
import { runAlone, type SimulatedExchange } from '../simulation.ts'
import type { SimulatedDevice } from './fleet.ts'
import {
  basicOf,
  bearerOf,
  simulatedCredentials,
  startVendorSimulation,
  type VendorSimulation,
  type VendorSimulationOptions,
  type VendorState,
} from './vendor-simulation.ts'

const tokenLifetime = 60 * 60_000
const largestPage = 500

export function startWorkspaceOne(options: VendorSimulationOptions): Promise<VendorSimulation> {
  return startVendorSimulation(options, { answer })
}

async function answer(exchange: SimulatedExchange, state: VendorState): Promise<unknown> {
  const { pathname } = exchange.url
  if (pathname === '/connect/token') return issueToken(exchange, state)
  // The server does not care for the case of `API`.
  const path = pathname.replace(/^\/api\//i, '/API/')
  if (!signedIn(exchange, state)) return trouble(exchange, 401, 1005, 'Invalid user credentials')
  if (state.faults.forbidden === true || !hasTenantCode(exchange)) {
    return trouble(exchange, 403, 403, 'The API key is missing or the role may not do this')
  }
  if (!/version=1\b/.test(exchange.request.headers.accept ?? '')) {
    return trouble(exchange, 406, 406, 'There is no such version')
  }
  if (path === '/API/mdm/devices/search') return search(exchange, state)
  const id = /^\/API\/mdm\/devices\/(\d+)$/.exec(path)?.[1]
  return id === undefined
    ? exchange.html(404, '<html><body>Not found</body></html>')
    : one(exchange, state, id)
}

async function issueToken(exchange: SimulatedExchange, state: VendorState): Promise<void> {
  const form = await exchange.readForm()
  const { clientId: client_id, clientSecret: client_secret } = simulatedCredentials
  if (!state.credentialsAreRight(Object.fromEntries(form), { client_id, client_secret })) {
    return exchange.json(400, { error: 'invalid_client' })
  }
  const access_token = state.issueToken(tokenLifetime)
  exchange.json(200, { access_token, expires_in: tokenLifetime / 1000, token_type: 'Bearer' })
}

function signedIn(exchange: SimulatedExchange, state: VendorState): boolean {
  if (basicOf(exchange).user !== undefined) return state.basicIsRight(exchange)
  return state.tokenIsGood(bearerOf(exchange))
}

function hasTenantCode(exchange: SimulatedExchange): boolean {
  if (bearerOf(exchange) !== undefined) return true
  return exchange.request.headers['aw-tenant-code'] === simulatedCredentials.apiKey
}

async function search(exchange: SimulatedExchange, state: VendorState): Promise<void> {
  state.calls++
  const { searchParams } = exchange.url
  const number = Number(searchParams.get('page') ?? 0)
  const size = Math.min(largestPage, Number(searchParams.get('pagesize') ?? 500))
  const matching = state.listed().filter(asked(searchParams))
  const rows = matching.slice(number * size, (number + 1) * size)
  if (rows.length === 0) return exchange.send(204, '', {})
  const body = {
    Devices: rows.map(recordOf),
    Page: number,
    PageSize: size,
    Total: state.total(matching.length),
  }
  await state.sendPage(exchange, { number: number + 1, list: 'Devices', body })
}

function asked(parameters: URLSearchParams): (device: SimulatedDevice) => boolean {
  const compliant = parameters.get('compliantstatus')
  const lastSeen = Date.parse(parameters.get('lastseen') ?? parameters.get('seensince') ?? '1970-01-01')
  return (device) => {
    if (compliant === 'false' && device.compliance !== 'noncompliant') return false
    if (compliant === 'true' && device.compliance !== 'compliant') return false
    return device.lastSeen > lastSeen
  }
}

function one(exchange: SimulatedExchange, state: VendorState, id: string): void {
  state.calls++
  const device = state.fleet.get(id)
  if (device === undefined) trouble(exchange, 404, 404, 'Device not found')
  else exchange.json(200, recordOf(device))
}

const enrollments = {
  managed: 'Enrolled',
  pending: 'EnrollmentInProgress',
  leaving: 'DeviceWipePending',
  wiped: 'Unenrolled',
}
const compliances = {
  compliant: 'Compliant',
  noncompliant: 'NonCompliant',
  grace: 'Compliant',
  unknown: 'PendingComplianceCheck',
}
const platforms = { ios: 'Apple', ipados: 'Apple', android: 'Android', macos: 'AppleOsX', windows: 'WinRT' }

function recordOf(device: SimulatedDevice): object {
  const android = device.platform === 'android'
  const policies = device.reasons.map((reason) => ({
    CompliantStatus: false,
    PolicyName: reason,
    PolicyDetail: '',
    ActionTaken: [{ ActionType: 0 }],
    Id: { Value: 77 },
  }))
  return {
    EasIds: { EasId: [device.easId] },
    EasId: device.easId,
    Udid: android ? device.udid.toLowerCase() : device.udid,
    SerialNumber: device.serial,
    MacAddress: 'A4C3F0112233',
    Imei: device.imei.replace(/^(..)(......)(......)(.)$/, '$1 $2 $3 $4'),
    DeviceFriendlyName: `${device.user} ${device.model}`,
    LocationGroupId: { Id: { Value: 571 }, Name: 'Nordic' },
    UserId: { Id: { Value: Number(device.id) }, Name: device.displayName },
    UserName: device.user,
    UserEmailAddress: device.email,
    Ownership: 'C',
    Platform: platforms[device.platform],
    Model: android ? `samsung ${device.modelCode}` : `${device.model} (128 GB Midnight)`,
    OperatingSystem: android ? `${device.osVersion}.0.0` : device.osVersion,
    LastSeen: new Date(device.lastSeen).toISOString().replace('Z', ''),
    EnrollmentStatus: enrollments[device.management],
    ComplianceStatus: compliances[device.compliance],
    CompromisedStatus: device.compromised,
    LastComplianceCheckOn: '0001-01-01T00:00:00.000',
    ComplianceSummary: { DeviceCompliance: policies },
    Id: { Value: Number(device.id) },
    Uuid: `3d0c7f0e-6a55-4a3f-9a33-${device.id.padStart(12, '0')}`,
    ...device.raw,
  }
}

function trouble(exchange: SimulatedExchange, status: number, errorCode: number, message: string): void {
  exchange.json(status, { errorCode, message, activityId: '5c1e7f3a-0d62-4b1d-9d34-7f2e5a8c9b10' })
}

await runAlone(import.meta, startWorkspaceOne, 9101)

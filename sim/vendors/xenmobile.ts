/**
 * Citrix XenMobile Server / Endpoint Management: `auth_token` from a sign-in, lists by POST with everything as text, a
 * token that has ended answered with 403 and no JSON, errors in `status`. Compliance is a filter, not a field.
 */
import { runAlone, type SimulatedExchange } from '../simulation.ts'
import type { SimulatedDevice } from './fleet.ts'
import {
  simulatedCredentials,
  startVendorSimulation,
  type VendorSimulation,
  type VendorSimulationOptions,
  type VendorState,
} from './vendor-simulation.ts'

const staticTimeout = 60 * 60_000

export function startXenmobile(options: VendorSimulationOptions): Promise<VendorSimulation> {
  return startVendorSimulation(options, { answer })
}

const lists: Readonly<Record<string, number>> = {
  '/xenmobile/api/v1/device/filter': 1000,
  '/xenmobile/api/v1/device/filter/v2': 1000,
  '/api/endpoint-management/devices/filter': 100,
}

function answer(exchange: SimulatedExchange, state: VendorState): unknown {
  const { pathname } = exchange.url
  switch (`${exchange.request.method} ${pathname}`) {
    case 'POST /xenmobile/api/v1/authentication/login':
      return signIn(exchange, state)
    case 'POST /xenmobile/api/v1/authentication/login/cloud':
      return cloudSignIn(exchange, state)
    case 'POST /root/tokens/clients':
      return trust(exchange, state)
  }
  const token = String(exchange.request.headers.auth_token)
  if (!state.tokenIsGood(token))
    return exchange.html(403, '<html><body>HTTP Status 403 - Forbidden</body></html>')
  if (pathname === '/xenmobile/api/v1/authentication/logout') return signOut(exchange, state, token)
  if (state.faults.forbidden === true) return exchange.json(403, { status: 1001, message: 'Access denied' })
  if (state.faults.within !== undefined) return exchange.json(200, state.faults.within)
  const most = exchange.request.method === 'POST' ? lists[pathname] : undefined
  if (most !== undefined) return list(exchange, state, most)
  const id = /^\/xenmobile\/api\/v1\/device\/([\w-]+)$/.exec(pathname)?.[1]
  const device = state.fleet.get(id ?? '')
  if (id === undefined || device === undefined)
    return exchange.json(404, { status: 1002, message: 'Not found' })
  state.calls++
  return exchange.json(200, { status: 0, message: 'Success', device: detailOf(device) })
}

async function signIn(exchange: SimulatedExchange, state: VendorState): Promise<void> {
  const { user: login, password } = simulatedCredentials
  if (!state.credentialsAreRight(await exchange.readJson(), { login, password })) {
    return exchange.json(401, { status: 1401, message: 'Invalid credentials' })
  }
  exchange.json(200, { auth_token: state.issueToken(staticTimeout) })
}

async function cloudSignIn(exchange: SimulatedExchange, state: VendorState): Promise<void> {
  const { bearerToken } = await exchange.readJson()
  if (!state.tokenIsGood(String(bearerToken)))
    return exchange.json(401, { status: 1401, message: 'Unauthorized' })
  exchange.json(200, { auth_token: state.issueToken(staticTimeout) })
}

/** Citrix Cloud's trust service, which is another host in the world. */
async function trust(exchange: SimulatedExchange, state: VendorState): Promise<void> {
  const { clientId, clientSecret } = simulatedCredentials
  if (!state.credentialsAreRight(await exchange.readJson(), { clientId, clientSecret })) {
    return exchange.json(401, { error: 'invalid_client' })
  }
  exchange.json(200, { token: state.issueToken(staticTimeout), principal: 'p', expiresIn: 3600 })
}

async function signOut(exchange: SimulatedExchange, state: VendorState, token: string): Promise<void> {
  state.endToken(token)
  exchange.json(200, { Status: 'User svc-gatehouse logged out successfully.' })
}

async function list(exchange: SimulatedExchange, state: VendorState, most: number): Promise<void> {
  state.calls++
  const body = await exchange.readJson()
  const { start, limit, filterIds } = body
  if (typeof start !== 'string' || typeof limit !== 'string' || !(Number(limit) <= most)) {
    return exchange.json(200, { status: 1100, message: 'Invalid request' })
  }
  const filtered = filterIds === "['device.status.out.of.compliance']"
  const all = state.listed()
  const matching = filtered ? all.filter(({ compliance }) => compliance === 'noncompliant') : all
  const first = Number(start)
  const page = {
    status: 0,
    message: 'Success',
    currentFilter: { detail: '' },
    totalCount: state.total(all.length),
    matchedRecords: filtered ? matching.length : state.total(matching.length),
    filteredDevicesDataList: matching.slice(first, first + Number(limit)).map(recordOf),
  }
  const number = filtered ? 0 : Math.floor(first / Number(limit)) + 1
  await state.sendPage(exchange, { number, list: 'filteredDevicesDataList', body: page })
}

const platforms = { ios: 'iOS', ipados: 'iOS', android: 'Android', macos: 'macOS', windows: 'Windows' }
const types = { ios: 'iPhone', ipados: 'iPad', android: 'Phone', macos: 'Mac', windows: 'PC' }

function recordOf(device: SimulatedDevice): object {
  const managed = device.management !== 'wiped'
  return {
    id: Number(device.id),
    jailBroken: device.compromised,
    managed,
    gatewayBlocked: false,
    mdmKnown: true,
    mamRegistered: true,
    mamKnown: true,
    userName: `${device.email} "${device.displayName}"`,
    serialNumber: device.serial,
    imeiOrMeid: device.imei,
    activeSyncId: device.easId,
    wifiMacAddress: 'a4c3f0112233',
    blueToothMacAccress: '',
    devicePlatform: platforms[device.platform],
    platform: platforms[device.platform],
    osVersion: device.osVersion,
    deviceType: types[device.platform],
    deviceModel: device.model,
    productName: device.modelCode,
    lastAccess: '11/21/26 7:04 PM',
    inactivityDays: '0',
    properties: propertiesOf(device),
    ...device.raw,
  }
}

/** The detail has other names for some of the same. */
function detailOf(device: SimulatedDevice): object {
  return {
    id: Number(device.id),
    strongId: device.serial,
    jailBroken: device.compromised,
    managed: device.management !== 'wiped',
    active: true,
    revoked: false,
    wipeDeviceFlag: device.management === 'leaving',
    gatewayBlocked: false,
    lastUsername: device.email,
    serialNumber: device.serial,
    imei: device.imei,
    activesyncid: device.easId,
    wifimac: 'a4c3f0112233',
    lastAuthDate: device.lastSeen,
    lastActivity: device.lastSeen,
    platform: platforms[device.platform],
    properties: propertiesOf(device),
    ...device.raw,
  }
}

function propertiesOf(device: SimulatedDevice): object[] {
  const values = {
    SYSTEM_OS_VERSION: device.osVersion,
    SYSTEM_PLATFORM: platforms[device.platform],
    PRODUCT_NAME: device.modelCode,
    DEVICE_TYPE: types[device.platform],
    ...(device.platform !== 'android' && { UDID: device.udid }),
  }
  return Object.entries(values).map(([name, value], index) => ({ id: index + 1, b64: false, name, value }))
}

await runAlone(import.meta, startXenmobile, 9105)

/** Jamf Pro: API clients and users, mobile devices in sections, smart groups by the classic API, RSQL filters. */
import { runAlone, type SimulatedExchange } from '../simulation.ts'
import type { SimulatedDevice } from './fleet.ts'
import {
  bearerOf,
  simulatedCredentials,
  startVendorSimulation,
  type VendorSimulation,
  type VendorSimulationOptions,
  type VendorState,
} from './vendor-simulation.ts'

export interface JamfSimulationOptions extends VendorSimulationOptions {
  /** What happens to RSQL filters: a version that does not know the field. */
  readonly filters?: 'refused' | 'ignored'
}

/** The smart group of noncompliant devices. */
export const simulatedGroup = '17'

const largestPage = 2000

export function startJamf(options: JamfSimulationOptions): Promise<VendorSimulation> {
  return startVendorSimulation(options, { answer: (exchange, state) => answer(exchange, state, options) })
}

async function answer(
  exchange: SimulatedExchange,
  state: VendorState,
  options: JamfSimulationOptions,
): Promise<unknown> {
  const { pathname } = exchange.url
  if (pathname === '/api/oauth/token') return await issueToClient(exchange, state)
  if (pathname === '/api/v1/auth/token') return issueToUser(exchange, state)
  if (!state.tokenIsGood(bearerOf(exchange))) return trouble(exchange, 401, 'INVALID_TOKEN')
  if (state.faults.forbidden === true) return trouble(exchange, 403, 'INVALID_PRIVILEGE')
  state.calls++
  const group = /^\/JSSResource\/mobiledevicegroups\/id\/(\d+)$/.exec(pathname)?.[1]
  if (group !== undefined) return sendGroup(exchange, state, group)
  if (pathname !== '/api/v2/mobile-devices/detail') return trouble(exchange, 404, 'NOT_FOUND')
  return await sendList(exchange, state, options)
}

async function issueToClient(exchange: SimulatedExchange, state: VendorState): Promise<void> {
  const form = Object.fromEntries(await exchange.readForm())
  const { clientId, clientSecret } = simulatedCredentials
  const expected = { client_id: clientId, client_secret: clientSecret, grant_type: 'client_credentials' }
  if (!state.credentialsAreRight(form, expected)) return exchange.json(401, { error: 'invalid_client' })
  const access_token = state.issueToken(1_200_000)
  exchange.json(200, { access_token, scope: 'api-role:2', token_type: 'Bearer', expires_in: 1199 })
}

function issueToUser(exchange: SimulatedExchange, state: VendorState): unknown {
  if (exchange.request.method !== 'POST' || !state.basicIsRight(exchange)) {
    return trouble(exchange, 401, 'INVALID_CREDENTIALS')
  }
  const expires = new Date(state.now() + 1_800_000).toISOString()
  return exchange.json(200, { token: state.issueToken(1_800_000), expires })
}

/** The classic API answers in XML unless JSON is asked for. */
function sendGroup(exchange: SimulatedExchange, state: VendorState, id: string): unknown {
  if (id !== simulatedGroup) return exchange.html(404, '<html><body>Status page: Not Found</body></html>')
  if (exchange.request.headers.accept !== 'application/json') {
    return exchange.send(200, '<mobile_device_group/>', { 'content-type': 'application/xml' })
  }
  const members = state.fleet.list().filter(({ compliance }) => compliance === 'noncompliant')
  const mobile_devices = members.map((device) => ({
    id: Number(device.id),
    name: device.displayName,
    udid: device.udid,
    serial_number: device.serial,
  }))
  return exchange.json(200, {
    mobile_device_group: { id: Number(id), name: 'Out of compliance', is_smart: true, mobile_devices },
  })
}

async function sendList(
  exchange: SimulatedExchange,
  state: VendorState,
  { filters }: JamfSimulationOptions,
): Promise<void> {
  const { searchParams } = exchange.url
  const filter = filters === 'ignored' ? null : searchParams.get('filter')
  const fits = filters === 'refused' && filter !== null ? undefined : filterOf(filter)
  if (fits === undefined) return trouble(exchange, 400, 'INVALID_FIELD')
  const size = Math.min(largestPage, Number(searchParams.get('page-size') ?? 100))
  const page = Number(searchParams.get('page') ?? 0)
  const matching = state.listed().filter(fits)
  const rows = matching.slice(page * size, (page + 1) * size)
  const sections = searchParams.getAll('section')
  await state.sendPage(exchange, {
    number: page + 1,
    list: 'results',
    body: {
      totalCount: state.total(matching.length),
      results: rows.map((device) => recordOf(device, sections)),
    },
  })
}

/** @returns undefined for a filter on a field that there is not */
function filterOf(filter: string | null): ((device: SimulatedDevice) => boolean) | undefined {
  if (filter === null) return () => true
  const one = /^mobileDeviceId==(\d+)$/.exec(filter)?.[1]
  if (one !== undefined) return ({ id }) => id === one
  const some = /^mobileDeviceId=in=\(([\d,]+)\)$/.exec(filter)?.[1]?.split(',')
  if (some !== undefined) return ({ id }) => some.includes(id)
  const since = /^lastInventoryUpdateDate>="(\S+)"$/.exec(filter)?.[1]
  return since === undefined ? undefined : ({ lastSeen }) => lastSeen >= Date.parse(since)
}

const types = { ios: 'iOS', ipados: 'iOS', android: 'Android', macos: 'macOS', windows: 'Windows' }

/** A device whose compliance is not known is one whose general section could not be read: null. */
function recordOf(device: SimulatedDevice, sections: readonly string[]): object {
  const general = {
    udid: device.udid,
    displayName: device.displayName,
    managed: device.management === 'managed',
    supervised: true,
    lastInventoryUpdateDate: new Date(device.lastSeen).toISOString(),
    osVersion: device.osVersion,
    osBuild: '21F90',
  }
  const hardware = { serialNumber: device.serial, model: device.model, modelIdentifier: device.modelCode }
  const all: Readonly<Record<string, unknown>> = {
    general: device.compliance === 'unknown' ? null : general,
    hardware,
    security: { jailBreakDetected: device.compromised, hardwareEncryption: true },
    userAndLocation: { username: device.user, emailAddress: device.email, realName: device.displayName },
    network: { imei: device.imei },
  }
  const asked = sections.map((section) => section.toLowerCase().replaceAll('_', ''))
  const sent = Object.fromEntries(Object.entries(all).filter(([name]) => asked.includes(name.toLowerCase())))
  return { mobileDeviceId: device.id, deviceType: types[device.platform], ...sent, ...device.raw }
}

/** A webhook's body. */
export function jamfWebhook(webhookEvent: string, event: object): Uint8Array {
  const webhook = { id: 1, name: 'gatehouse', webhookEvent, eventTimestamp: 1_795_283_403_986 }
  return Buffer.from(JSON.stringify({ webhook, event }))
}

function trouble(exchange: SimulatedExchange, httpStatus: number, code: string): void {
  exchange.json(httpStatus, { httpStatus, errors: [{ code, description: 'Jamf Pro says no', id: '0' }] })
}

await runAlone(import.meta, startJamf, 9108)

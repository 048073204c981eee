/** MobileIron Core / Ivanti EPMM, API v2: Basic on every call, `offset` in records, flat keys with dots. */
import { runAlone, type SimulatedExchange } from '../simulation.ts'
import type { SimulatedDevice } from './fleet.ts'
import {
  startVendorSimulation,
  type VendorSimulation,
  type VendorSimulationOptions,
  type VendorState,
} from './vendor-simulation.ts'

const largestPage = 200

export function startMobileironCore(options: VendorSimulationOptions): Promise<VendorSimulation> {
  return startVendorSimulation(options, { answer })
}

function answer(exchange: SimulatedExchange, state: VendorState): unknown {
  const { pathname, searchParams } = exchange.url
  if (pathname === '/api/v2/ping') return exchange.json(200, { results: { apiVersion: 2 } })
  if (!state.basicIsRight(exchange)) return trouble(exchange, 401, 'com.mobileiron.api.unauthorized')
  if (pathname !== '/api/v2/devices') return trouble(exchange, 404, 'com.mobileiron.api.notfound')
  if (state.faults.forbidden === true) return trouble(exchange, 403, 'com.mobileiron.api.forbidden')
  const query = searchParams.get('query')
  const fields = searchParams.get('fields')?.split(',') ?? []
  const complete = searchParams.get('adminDeviceSpaceId') === '1' && query !== null && query.length <= 255
  if (!complete || fields.length === 0 || fields.length > 512) {
    return trouble(exchange, 400, 'com.mobileiron.api.badrequest')
  }
  return list(exchange, state, { query, fields })
}

async function list(
  exchange: SimulatedExchange,
  state: VendorState,
  { query, fields }: { query: string; fields: readonly string[] },
): Promise<void> {
  state.calls++
  const limit = Math.min(largestPage, Number(exchange.url.searchParams.get('limit') ?? 50))
  const offset = Number(exchange.url.searchParams.get('offset') ?? 0)
  const matching = state.listed().filter((device) => matches(device, query))
  const rows = matching.slice(offset, offset + limit)
  const body = {
    results: rows.map((device) => only(recordOf(device), fields)),
    totalCount: state.total(matching.length),
    resultCount: rows.length,
    hasMore: offset + rows.length < matching.length,
    searchTimeMillis: 12,
    currentServerTimeMilliseconds: state.now(),
  }
  await state.sendPage(exchange, { number: Math.floor(offset / limit) + 1, list: 'results', body })
}

/** The three queries that a poller asks. */
function matches(device: SimulatedDevice, query: string): boolean {
  if (query === '') return true
  const record = recordOf(device)
  const [, field, value] = /^"(common\.(?:uuid|id))" = "([\w-]+)"$/.exec(query) ?? []
  if (field !== undefined) return String(record[field]) === value
  const out = record['common.compliant'] === false || record['common.security_state'] !== 'Ok'
  return record['common.status'] === 'ACTIVE' && out
}

function only(record: Readonly<Record<string, unknown>>, fields: readonly string[]): object {
  return Object.fromEntries(fields.filter((name) => name in record).map((name) => [name, record[name]]))
}

const statuses = {
  managed: 'ACTIVE',
  pending: 'VERIFICATION_PENDING',
  leaving: 'RETIRE_PENDING',
  wiped: 'WIPED',
}
const platforms = { ios: 'iOS', ipados: 'iOS', android: 'Android', macos: 'macOS', windows: 'Windows' }

function recordOf(device: SimulatedDevice): Readonly<Record<string, unknown>> {
  const noncompliant = device.compliance === 'noncompliant'
  const apple = device.platform !== 'android' && device.platform !== 'windows'
  return {
    'common.uuid': `0b6c8f0e-41c8-4f0c-9c0e-${device.id.padStart(12, '0')}`,
    'common.id': Number(device.id),
    'common.status': statuses[device.management],
    'common.platform': platforms[device.platform],
    'common.platform_name': `${platforms[device.platform]} ${device.osVersion}`,
    'common.os_version': device.osVersion,
    'common.model': device.modelCode,
    'common.model_name': device.model,
    'common.SerialNumber': device.serial,
    'common.imei': device.imei,
    'common.mdm_managed': true,
    'common.retired': device.management === 'wiped',
    ...(device.compliance !== 'unknown' && { 'common.compliant': !noncompliant }),
    'common.noncompliance_reasons': device.reasons,
    'common.quarantined': noncompliant,
    'common.quarantined_reasons': device.reasons,
    'common.blocked': false,
    'common.blocked_reasons': [],
    'common.device_is_compromised': device.compromised,
    'common.security_state': device.compromised ? 'Compromised' : 'Ok',
    'common.last_connected_at': new Date(device.lastSeen).toISOString(),
    ...(apple && { 'ios.iPhone UDID': device.udid }),
    'user.user_id': device.user,
    'user.email_address': device.email,
    'user.sam_account_name': device.user,
    ...device.raw,
  }
}

function trouble(exchange: SimulatedExchange, status: number, messageKey: string): void {
  exchange.json(status, { messages: [{ type: 'Error', messageKey, localizedMessage: `Error ${status}` }] })
}

await runAlone(import.meta, startMobileironCore, 9102)

/** Fleet (fleetdm.com): an API-only user's token, hosts in numbered pages with `meta`, policies and who passes them. */
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

export interface FleetDmSimulationOptions extends VendorSimulationOptions {
  /** An older version: no `meta` and no count of hosts. */
  readonly old?: boolean
}

/** The policies that there are; a device out of compliance fails the first. */
export const simulatedPolicies = ['3', '7'] as const

const base = '/api/v1/fleet'
const largestPage = 500

export function startFleetDm(options: FleetDmSimulationOptions): Promise<VendorSimulation> {
  return startVendorSimulation(options, { answer: (exchange, state) => answer(exchange, state, options) })
}

function answer(
  exchange: SimulatedExchange,
  state: VendorState,
  { old = false }: FleetDmSimulationOptions,
): unknown {
  const { pathname } = exchange.url
  const { apiKey } = simulatedCredentials
  if (!state.credentialsAreRight({ apiKey: bearerOf(exchange) }, { apiKey })) {
    return trouble(exchange, 401, 'Authentication required')
  }
  if (state.faults.forbidden === true) return trouble(exchange, 403, 'Permission Denied')
  state.calls++
  if (pathname === `${base}/hosts`) return sendList(exchange, state, old)
  if (pathname === `${base}/hosts/count` && !old) {
    return exchange.json(200, { count: state.total(state.listed().length) })
  }
  const id = /^\/api\/v1\/fleet\/hosts\/(\d+)$/.exec(pathname)?.[1]
  const device = id === undefined ? undefined : state.fleet.get(id)
  if (device === undefined) return trouble(exchange, 404, 'Resource Not Found')
  return exchange.json(200, { host: { policies: policiesOf(device), ...hostOf(device, true) } })
}

function sendList(exchange: SimulatedExchange, state: VendorState, old: boolean): unknown {
  const { searchParams } = exchange.url
  const policy = searchParams.get('policy_id')
  const wanted = searchParams.get('policy_response') === 'passing' ? 'pass' : 'fail'
  const matching = state.listed().filter((device) => policy === null || responseOf(device, policy) === wanted)
  const size = Math.min(largestPage, Number(searchParams.get('per_page') ?? 100))
  const page = Number(searchParams.get('page') ?? 0)
  const rows = matching.slice(page * size, (page + 1) * size)
  const mapped = searchParams.get('device_mapping') === 'true'
  const body = {
    hosts: rows.map((device) => hostOf(device, mapped)),
    ...(!old && {
      meta: { has_next_results: (page + 1) * size < matching.length, has_previous_results: page > 0 },
    }),
  }
  // What goes wrong with pages goes wrong with those of the hosts, not of a policy's.
  if (policy !== null) return exchange.json(200, body)
  return state.sendPage(exchange, { number: page + 1, list: 'hosts', body })
}

interface PolicyAnswer {
  readonly id: number
  readonly name: string
  readonly response: string
}

/** A device whose compliance is not known has answered none; `raw.policies` overrules. */
function policiesOf(device: SimulatedDevice): readonly PolicyAnswer[] {
  const given = device.raw.policies
  if (Array.isArray(given)) return given as readonly PolicyAnswer[] // as the test wrote them
  return simulatedPolicies.map((id, index) => ({
    id: Number(id),
    name: `Policy ${id}`,
    response:
      device.compliance === 'unknown'
        ? ''
        : device.compliance === 'noncompliant' && index === 0
          ? 'fail'
          : 'pass',
  }))
}

function responseOf(device: SimulatedDevice, policy: string): string | undefined {
  return policiesOf(device).find(({ id }) => String(id) === policy)?.response
}

const platforms = {
  ios: 'ios',
  ipados: 'ipados',
  android: 'android',
  macos: 'darwin',
  windows: 'windows',
}
const names = { ios: 'iOS', ipados: 'iPadOS', android: 'Android', macos: 'macOS', windows: 'Windows' }
const enrolment = { managed: 'On (automatic)', pending: 'Pending', leaving: 'Off', wiped: 'Off' }

function hostOf(device: SimulatedDevice, mapped: boolean): object {
  const failing = policiesOf(device).filter(({ response }) => response === 'fail').length
  return {
    id: Number(device.id),
    uuid: device.udid,
    hardware_serial: device.serial,
    hardware_model: device.modelCode,
    platform: platforms[device.platform],
    os_version: `${names[device.platform]} ${device.osVersion}`,
    seen_time: '2000-01-01T00:00:00Z', // a phone has no agent
    last_mdm_checked_in_at: new Date(device.lastSeen).toISOString(),
    ...(device.compliance !== 'unknown' && {
      issues: { failing_policies_count: failing, total_issues_count: failing },
    }),
    mdm: {
      enrollment_status: enrolment[device.management],
      server_url: 'https://fleet.example.com/mdm/apple/mdm',
      name: 'Fleet',
      connected_to_fleet: true,
    },
    ...(mapped && { device_mapping: [{ email: device.email, source: 'mdm_idp_accounts' }] }),
    ...device.raw,
  }
}

function trouble(exchange: SimulatedExchange, status: number, message: string): void {
  exchange.json(status, { message, errors: [{ name: 'base', reason: message }], uuid: '0f1e' })
}

await runAlone(import.meta, startFleetDm, 9109)

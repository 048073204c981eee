/** Microsoft Graph's managedDevices, and the token endpoint beside it. Filters as far as Intune supports them. */
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

export interface IntuneSimulationOptions extends VendorSimulationOptions {
  /** Answers 400 to every `$filter`, as for a field that a tenant does not filter by. */
  readonly refuseFilters?: boolean
  /** An older schema: `udid` in `$select` is 400. */
  readonly withoutUdid?: boolean
}

const largestPage = 1000
const lifetime = 3599
const list = '/v1.0/deviceManagement/managedDevices'

export function startIntune(options: IntuneSimulationOptions): Promise<VendorSimulation> {
  return startVendorSimulation(options, {
    answer: (exchange, state) => answer(exchange, state, options),
  })
}

async function answer(
  exchange: SimulatedExchange,
  state: VendorState,
  options: IntuneSimulationOptions,
): Promise<unknown> {
  const { pathname, searchParams } = exchange.url
  if (/^\/[\w.-]+\/oauth2\/v2\.0\/token$/.test(pathname)) return await issue(exchange, state)
  if (!state.tokenIsGood(bearerOf(exchange))) return graphError(exchange, 401, 'InvalidAuthenticationToken')
  if (state.faults.forbidden === true) return graphError(exchange, 403, 'Forbidden')
  state.calls++
  const fields = searchParams.get('$select')?.split(',')
  if (options.withoutUdid === true && fields?.includes('udid')) return graphError(exchange, 400, 'BadRequest')
  if (pathname === list) return await sendList(exchange, state, options)
  const id = pathname.startsWith(`${list}/`) ? decodeURIComponent(pathname.slice(list.length + 1)) : undefined
  const device = state.fleet.list().find((each) => managedDeviceId(each) === id)
  if (device === undefined) return graphError(exchange, 404, 'ResourceNotFound')
  exchange.json(200, select({ ...recordOf(device), udid: device.udid }, fields))
}

async function issue(exchange: SimulatedExchange, state: VendorState): Promise<void> {
  const form = Object.fromEntries(await exchange.readForm())
  const { clientId, clientSecret } = simulatedCredentials
  const expected = { client_id: clientId, client_secret: clientSecret, grant_type: 'client_credentials' }
  if (!state.credentialsAreRight(form, expected) || !form.scope?.endsWith('/.default')) {
    return exchange.json(401, {
      error: 'invalid_client',
      error_description: `AADSTS7000215: Invalid client secret provided: ${form.client_secret}`,
      error_codes: [7000215],
      trace_id: 'a4d1f9c2-0000-4000-8000-000000000000',
      correlation_id: 'b5e2a0d3-0000-4000-8000-000000000000',
    })
  }
  exchange.json(200, {
    token_type: 'Bearer',
    expires_in: lifetime,
    ext_expires_in: lifetime,
    access_token: state.issueToken(lifetime * 1000),
  })
}

async function sendList(
  exchange: SimulatedExchange,
  state: VendorState,
  { refuseFilters }: IntuneSimulationOptions,
): Promise<void> {
  const { searchParams } = exchange.url
  const filter = searchParams.get('$filter')
  if (filter !== null && refuseFilters === true) return graphError(exchange, 400, 'BadRequest')
  const fits = filterOf(filter)
  if (fits === undefined) return graphError(exchange, 400, 'BadRequest')
  const size = Math.min(largestPage, Number(searchParams.get('$top') ?? largestPage))
  const skip = Number(searchParams.get('$skiptoken') ?? 0)
  const matching = state.listed().filter(fits)
  const rows = matching.slice(skip, skip + size)
  const next = new URL(exchange.url.pathname + exchange.url.search, nextOrigin(exchange, state))
  next.searchParams.set('$skiptoken', String(skip + size))
  await state.sendPage(exchange, {
    number: skip / size + 1,
    list: 'value',
    body: {
      '@odata.context': 'https://graph.microsoft.com/v1.0/$metadata#deviceManagement/managedDevices',
      ...(skip + size < matching.length && { '@odata.nextLink': next.href }),
      value: rows.map((device) => select(recordOf(device), searchParams.get('$select')?.split(','))),
    },
  })
}

function nextOrigin(exchange: SimulatedExchange, { faults }: VendorState): string {
  return faults.nextLink ?? `http://${exchange.request.headers.host}`
}

/** @returns undefined for a filter that Intune does not support */
function filterOf(filter: string | null): ((device: SimulatedDevice) => boolean) | undefined {
  if (filter === null) return () => true
  const since = /^lastSyncDateTime gt (\S+)$/.exec(filter)?.[1]
  if (since !== undefined) return ({ lastSeen }) => lastSeen > Date.parse(since)
  const state = /^complianceState eq '(\w+)'$/.exec(filter)?.[1]
  return state === undefined ? undefined : (device) => recordOf(device).complianceState === state
}

function select(record: Readonly<Record<string, unknown>>, fields: readonly string[] | undefined): object {
  if (fields === undefined) return record
  return Object.fromEntries(['id', ...fields].map((name) => [name, record[name]]))
}

function managedDeviceId({ id }: SimulatedDevice): string {
  return `8f1c6a52-1f4e-4a7c-8c0d-${id.padStart(12, '0')}`
}

const compliance = {
  compliant: 'compliant',
  noncompliant: 'noncompliant',
  grace: 'inGracePeriod',
  unknown: 'unknown',
}
const platforms = { ios: 'iOS', ipados: 'iPadOS', android: 'Android', macos: 'macOS', windows: 'Windows' }

/** Graph names no reasons, and a wiped device has no record: `wiped` shows the last moment before it disappears. */
function recordOf(device: SimulatedDevice): Readonly<Record<string, unknown>> {
  const leaving = device.management === 'leaving' || device.management === 'wiped'
  return {
    id: managedDeviceId(device),
    azureADDeviceId: device.entraId,
    easDeviceId: device.easId.toUpperCase(),
    serialNumber: device.serial,
    imei: device.imei,
    meid: device.imei.slice(0, 14),
    udid: null,
    userPrincipalName: device.email,
    emailAddress: device.email,
    operatingSystem: platforms[device.platform],
    osVersion: device.osVersion,
    model: device.model,
    managementAgent: 'mdm',
    deviceRegistrationState:
      device.management === 'pending' ? 'notRegisteredPendingEnrollment' : leaving ? 'revoked' : 'registered',
    deviceActionResults: leaving
      ? [
          {
            actionName: 'wipe',
            actionState: 'pending',
            startDateTime: new Date(device.changed).toISOString(),
          },
        ]
      : [],
    enrolledDateTime: '2025-02-03T08:00:11Z',
    complianceState: compliance[device.compliance],
    complianceGracePeriodExpirationDateTime:
      device.compliance === 'grace'
        ? new Date(device.changed + 3 * 86_400_000).toISOString()
        : '9999-12-31T23:59:59Z',
    jailBroken: device.compromised ? 'True' : 'False',
    lastSyncDateTime: new Date(device.lastSeen).toISOString(),
    ...device.raw,
  }
}

function graphError(exchange: SimulatedExchange, status: number, code: string): void {
  const innerError = { date: '2026-11-22T12:00:00', 'request-id': 'c6f3b1e4-0000-4000-8000-000000000000' }
  exchange.json(status, { error: { code, message: `Graph says ${code}.`, innerError } })
}

await runAlone(import.meta, startIntune, 9106)

/**
 * IBM MaaS360: a token for 60 minutes, pages from 1 in five sizes, a single hit as an object and none as nothing, and
 * errors inside of a 200.
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

export const billingId = '30012345'
const tokenLifetime = 60 * 60_000
const pageSizes = [25, 50, 100, 200, 250]

export function startMaas360(options: VendorSimulationOptions): Promise<VendorSimulation> {
  return startVendorSimulation(options, { answer })
}

function answer(exchange: SimulatedExchange, state: VendorState): unknown {
  switch (`${exchange.request.method} ${exchange.url.pathname}`) {
    case `POST /auth-apis/auth/2.0/authenticate/customer/${billingId}`:
    case `POST /auth-apis/auth/1.0/authenticate/${billingId}`:
      return signIn(exchange, state)
    case `GET /device-apis/devices/2.0/search/customer/${billingId}`:
    case `GET /device-apis/devices/1.0/search/${billingId}`:
      return search(exchange, state)
  }
  return exchange.html(404, '<html><body>HTTP Status 404</body></html>')
}

async function signIn(exchange: SimulatedExchange, state: VendorState): Promise<void> {
  const { authRequest } = (await exchange.readJson()) as { authRequest?: Record<string, object> } // read with care below
  const { user: userName, password, apiKey: appAccessKey } = simulatedCredentials
  const presented = { ...authRequest?.maaS360AdminAuth }
  if (!state.credentialsAreRight(presented, { billingID: billingId, userName, password, appAccessKey })) {
    const errorDesc = 'Invalid username or password'
    return exchange.json(200, { authResponse: { authToken: '', errorCode: 1001, errorDesc } })
  }
  const authToken = state.issueToken(tokenLifetime)
  exchange.json(200, { authResponse: { authToken, errorCode: 0, errorDesc: '', refreshToken: 'r' } })
}

async function search(exchange: SimulatedExchange, state: VendorState): Promise<void> {
  state.calls++
  const token = /^MaaS token="([^"]+)"$/.exec(exchange.request.headers.authorization ?? '')?.[1]
  if (!state.tokenIsGood(token)) return exchange.json(401, { errorCode: 401, errorDesc: 'Unauthorized' })
  if (state.faults.forbidden === true) return exchange.json(403, { errorCode: 403, errorDesc: 'Forbidden' })
  if (state.faults.within !== undefined) return exchange.json(200, state.faults.within)
  const { searchParams } = exchange.url
  const pageSize = Number(searchParams.get('pageSize') ?? 50)
  const pageNumber = Number(searchParams.get('pageNumber') ?? 1)
  if (!pageSizes.includes(pageSize)) {
    return exchange.json(200, { errorCode: 1009, errorDesc: 'Invalid value for pageSize' })
  }
  const found = state.listed().filter(matching(searchParams))
  const rows = found.slice((pageNumber - 1) * pageSize, pageNumber * pageSize).map(recordOf)
  const devices = {
    ...(rows.length > 0 && { device: rows.length === 1 ? rows[0] : rows }),
    pageNumber,
    pageSize: rows.length,
    count: String(state.total(found.length)),
  }
  // Only the list of all devices breaks: a sweep asks for those out of compliance first.
  const number = filtered(searchParams) ? 0 : pageNumber
  await state.sendPage(exchange, { number, list: 'devices.device', body: { devices } })
}

const filters = ['plcCompliance', 'ruleCompliance', 'appCompliance', 'pswdCompliance']

function filtered(parameters: URLSearchParams): boolean {
  return filters.some((name) => parameters.get(name) === 'OOC')
}

/** All that is out of compliance is so by its rules. */
function matching(parameters: URLSearchParams): (device: SimulatedDevice) => boolean {
  const id = parameters.get('maas360DeviceId')
  const since = Number(parameters.get('lastReportedAfterInEpochms') ?? 0)
  const byRules = parameters.get('ruleCompliance') === 'OOC'
  const all = !filtered(parameters)
  return (device) =>
    (id === null || id === csnOf(device)) &&
    device.changed > since &&
    (all || (byRules && device.compliance === 'noncompliant'))
}

function csnOf({ platform, serial }: SimulatedDevice): string {
  return `${platform === 'android' ? 'Android' : 'Appl'}${serial}`
}

const statuses = {
  managed: 'Enrolled',
  pending: 'Not Enrolled',
  leaving: 'Pending Control Removed',
  wiped: 'Control Removed',
}
const rules = {
  compliant: 'In Compliance',
  noncompliant: 'Out of Compliance',
  grace: 'In Compliance',
  unknown: 'Evaluation pending',
}
const platforms = { ios: 'iOS', ipados: 'iOS', android: 'Android', macos: 'Mac', windows: 'Windows' }

function recordOf(device: SimulatedDevice): object {
  const whole = /^\d+$/.test(device.osVersion)
  return {
    maas360DeviceID: csnOf(device),
    deviceName: `${device.displayName}'s device`,
    platformName: platforms[device.platform],
    osName: `${platforms[device.platform]} ${device.osVersion.split('.')[0]}`,
    osVersion: whole ? Number(device.osVersion) : device.osVersion,
    model: device.model,
    modelId: device.modelCode,
    platformSerialNumber: device.serial,
    imeiEsn: device.imei,
    udid: device.platform === 'android' ? '' : device.udid,
    mailboxDeviceId: device.easId,
    mdmMailboxDeviceId: device.easId,
    username: device.user,
    userDomain: 'corp',
    emailAddress: device.email,
    deviceStatus: 'Active',
    maas360ManagedStatus: statuses[device.management],
    policyComplianceState: 'In Compliance',
    ruleComplianceState: rules[device.compliance],
    appComplianceState: 'Not Available',
    passcodeCompliance: 'In Compliance',
    jailbreakStatus: device.compromised ? 'Yes' : 'No',
    selectiveWipeStatus: 'Not Applicable',
    lastReported: new Date(device.lastSeen).toISOString().slice(0, 19),
    lastReportedInEpochms: device.lastSeen,
    ...device.raw,
  }
}

await runAlone(import.meta, startMaas360, 9104)

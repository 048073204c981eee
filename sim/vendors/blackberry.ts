/**
 * BlackBerry UEM's web services: an authorisation string (on premises) or OAuth2 (cloud), media types of its own, null
 * fields left out, and compliance only in a user's devices.
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

/** The tenant is a part of every address. */
export const simulatedTenant = 'S12345678'
const base = `/${simulatedTenant}/api/v1`
const largestPage = 1000

export function startBlackBerry(options: VendorSimulationOptions): Promise<VendorSimulation> {
  return startVendorSimulation(options, { answer })
}

async function answer(exchange: SimulatedExchange, state: VendorState): Promise<unknown> {
  const { pathname } = exchange.url
  if (pathname === `/op/tenant/${simulatedTenant}/token`) return await issueToken(exchange, state)
  if (pathname === `${base}/util/authorization`) return await issueString(exchange, state)
  const token = bearerOf(exchange) ?? exchange.request.headers.authorization
  if (!state.tokenIsGood(token)) return trouble(exchange, 401, 'NOT_AUTHENTICATED')
  if (state.faults.forbidden === true) return trouble(exchange, 403, 'NOT_AUTHORIZED')
  state.calls++
  const [what = '', guid, more] = pathname.slice(base.length + 1).split('/')
  const type = more ?? (guid === undefined ? what : what.replace(/s$/, ''))
  const accepted = `application/vnd.blackberry.${type.toLowerCase()}-v1+json`
  if (exchange.request.headers.accept !== accepted) return trouble(exchange, 406, 'NOT_ACCEPTABLE')
  if (what === 'devices' && guid === undefined) return listDevices(exchange, state)
  if (what !== 'users') return trouble(exchange, 404, 'NOT_FOUND')
  return guid === undefined ? await listUsers(exchange, state) : sendUser(exchange, state, { guid, more })
}

async function issueToken(exchange: SimulatedExchange, state: VendorState): Promise<void> {
  const { user, password } = basicOf(exchange)
  const form = await exchange.readForm()
  const { clientId, clientSecret } = simulatedCredentials
  const presented = { user, password, scope: form.get('scope') }
  const expected = { user: clientId, password: encodeURIComponent(clientSecret), scope: 'openid MDMBWS.All' }
  if (!state.credentialsAreRight(presented, expected)) return exchange.json(401, { error: 'invalid_client' })
  exchange.json(200, { access_token: state.issueToken(3_600_000), expires_in: 3600, token_type: 'Bearer' })
}

async function issueString(exchange: SimulatedExchange, state: VendorState): Promise<void> {
  const type = exchange.request.headers['content-type']
  if (type !== 'application/vnd.blackberry.authorizationrequest-v1+json') {
    return trouble(exchange, 415, 'UNSUPPORTED_MEDIA_TYPE')
  }
  const { user, password } = simulatedCredentials
  const encoded = Buffer.from(password).toString('base64')
  const body = await exchange.readJson()
  if (!state.credentialsAreRight(body, { provider: 'LOCAL', username: user, password: encoded })) {
    return trouble(exchange, 401, 'NOT_AUTHENTICATED')
  }
  exchange.text(200, state.issueToken(1_800_000))
}

function listDevices(exchange: SimulatedExchange, state: VendorState): void {
  const query = exchange.url.searchParams.get('query')
  const matching = state.listed().filter((device) => matches(device, query))
  const { rows } = pageOf(exchange, matching)
  const devices = rows.map((device) => deviceRecord(device, exchange))
  send(exchange, 'devices', { devices, total: state.total(matching.length) })
}

function matches(device: SimulatedDevice, query: string | null): boolean {
  if (query === null) return true
  const guid = /^guid=([\w.-]+)$/.exec(query)?.[1]
  if (guid !== undefined) return deviceGuid(device) === guid
  const since = /^activationDate>=(\S+)$/.exec(query)?.[1]
  return since !== undefined && device.changed >= Date.parse(since)
}

async function listUsers(exchange: SimulatedExchange, state: VendorState): Promise<void> {
  const users = usersOf(state)
  const { rows, number } = pageOf(exchange, users)
  const body = { users: rows.map(userRecord), total: users.length }
  exchange.response.setHeader('content-type', 'application/vnd.blackberry.users-v1+json')
  await state.sendPage(exchange, { number, list: 'users', body })
}

function sendUser(
  exchange: SimulatedExchange,
  state: VendorState,
  { guid, more }: { readonly guid: string; readonly more: string | undefined },
): unknown {
  const devices = byUser(state.listed()).get(guid) ?? []
  const [first] = devices
  if (first === undefined) return trouble(exchange, 404, 'NOT_FOUND')
  if (more === undefined) return send(exchange, 'user', userRecord(first))
  const userDevices = devices.map((device) => userDeviceRecord(device, exchange))
  return send(exchange, 'userdevices', { userDevices })
}

function pageOf<Row>(exchange: SimulatedExchange, rows: readonly Row[]) {
  const { searchParams } = exchange.url
  const max = Math.min(largestPage, Number(searchParams.get('max') ?? 100))
  const offset = Number(searchParams.get('offset') ?? 0)
  return { rows: rows.slice(offset, offset + max), number: Math.floor(offset / max) + 1 }
}

/** Each list's devices by their user's guid: looking through a large fleet for each user would take for ever. */
const indexes = new WeakMap<readonly SimulatedDevice[], ReadonlyMap<string, readonly SimulatedDevice[]>>()

function byUser(listed: readonly SimulatedDevice[]): ReadonlyMap<string, readonly SimulatedDevice[]> {
  const index = indexes.get(listed) ?? Map.groupBy(listed, userGuid)
  indexes.set(listed, index)
  return index
}

/** One of the devices of each user. */
function usersOf(state: VendorState): readonly SimulatedDevice[] {
  return [...byUser(state.listed()).values()].flatMap(([first]) => first ?? [])
}

function userGuid({ user }: SimulatedDevice): string {
  return `c0ffee00-${user}`
}

function deviceGuid({ id }: SimulatedDevice): string {
  return `a77f0000-1f4e-4a7c-8c0d-${id.padStart(12, '0')}`
}

function userRecord(device: SimulatedDevice): object {
  return {
    guid: userGuid(device),
    username: device.user,
    displayName: device.displayName,
    emailAddress: device.email,
  }
}

const families = { ios: 'ios', ipados: 'ios', android: 'android', macos: 'macos', windows: 'windows' }
const names = { ios: 'iOS', ipados: 'iPadOS', android: 'Android', macos: 'macOS', windows: 'Windows' }

function deviceRecord(device: SimulatedDevice, exchange: SimulatedExchange): object {
  const path = `users/${userGuid(device)}/userDevices/b3e90000-${device.id}`
  return withoutNull({
    guid: deviceGuid(device),
    activationDate: new Date(device.changed).toISOString(),
    activeSyncId: device.easId,
    compromised: device.compromised,
    hardwareModel: device.model,
    hardwareName: device.modelCode,
    imei: device.imei,
    serialNumber: device.serial,
    udid: device.udid.replace(/^(.{8})/, '$1-'),
    os: `${names[device.platform]} ${device.osVersion}`,
    osFamilyName: families[device.platform],
    osVersion: device.osVersion,
    ownership: 'CORPORATE',
    links: [{ rel: 'userDevice', href: `http://${exchange.request.headers.host}${base}/${path}` }],
    ...device.raw,
  })
}

/** A device whose compliance is not known is a shortened view: without its last contact. */
function userDeviceRecord(device: SimulatedDevice, exchange: SimulatedExchange): object {
  const violations = device.compliance === 'noncompliant' ? violationsOf(device) : null
  return withoutNull({
    guid: `b3e90000-${device.id}`,
    enrollmentType: ['MDM_CONTROLS'],
    enrollmentState: 'ENROLLED',
    lastContactTime: device.compliance === 'unknown' ? null : new Date(device.lastSeen).toISOString(),
    outOfComplianceInfo: violations,
    ...device.raw,
    device: deviceRecord(device, exchange),
  })
}

function violationsOf({ reasons, changed }: SimulatedDevice): readonly object[] {
  const date = new Date(changed).toISOString()
  const told = reasons.length === 0 ? ['blacklistedappsinstalled'] : reasons
  return told.map((reason) => ({ date, reason: reason.toLowerCase(), displayName: reason }))
}

/** UEM leaves out what is null. */
function withoutNull(record: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== null))
}

function send(exchange: SimulatedExchange, type: string, body: object): void {
  exchange.json(200, body, { 'content-type': `application/vnd.blackberry.${type}-v1+json` })
}

function trouble(exchange: SimulatedExchange, status: number, id: string): void {
  const body = { id, subStatusCode: status, message: `UEM says ${id}` }
  exchange.json(status, body, { 'content-type': 'application/vnd.blackberry.error-v1+json' })
}

await runAlone(import.meta, startBlackBerry, 9107)

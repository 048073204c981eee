/**
 * An MDM that nobody has heard of, for the generic connector: its own names and words, four ways to page, five ways to
 * sign in. `X-Api-Key`, HTTP Basic, a fixed bearer token and OAuth2 are all accepted.
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

export interface AcmeSimulationOptions extends VendorSimulationOptions {
  /** Lets everybody in, for `auth: none`. */
  readonly open?: boolean
}

const list = '/mdm/v2/devices'
const largestPage = 500

export function startAcme(options: AcmeSimulationOptions): Promise<VendorSimulation> {
  return startVendorSimulation(options, { answer: (exchange, state) => answer(exchange, state, options) })
}

async function answer(
  exchange: SimulatedExchange,
  state: VendorState,
  { open = false }: AcmeSimulationOptions,
): Promise<unknown> {
  const { pathname } = exchange.url
  if (pathname === '/oauth2/token') return await issue(exchange, state)
  if (!open && !isSignedIn(exchange, state)) return exchange.json(401, { fault: 'who are you?' })
  if (state.faults.forbidden === true) return exchange.json(403, { fault: 'not for you' })
  state.calls++
  if (pathname === list) return await sendList(exchange, state)
  const id = pathname.startsWith(`${list}/`) ? decodeURIComponent(pathname.slice(list.length + 1)) : ''
  const device = state.fleet.list().find((each) => refOf(each) === id)
  if (device === undefined) return exchange.json(404, { fault: 'no such device' })
  return exchange.json(200, { device: recordOf(device) })
}

async function issue(exchange: SimulatedExchange, state: VendorState): Promise<void> {
  const form = await exchange.readForm()
  const { user = form.get('client_id'), password = form.get('client_secret') } = basicOf(exchange)
  const { clientId, clientSecret } = simulatedCredentials
  if (!state.credentialsAreRight({ user, password }, { user: clientId, password: clientSecret })) {
    return exchange.json(400, { error: 'invalid_client' })
  }
  exchange.json(200, { access_token: state.issueToken(600_000), expires_in: 600, token_type: 'bearer' })
}

function isSignedIn(exchange: SimulatedExchange, state: VendorState): boolean {
  const token = bearerOf(exchange)
  if (state.tokenIsGood(token)) return true
  const { apiKey } = simulatedCredentials
  if (basicOf(exchange).user !== undefined) return state.basicIsRight(exchange)
  const key = exchange.request.headers['x-api-key'] ?? token
  // A token that was issued and has ended is no wrong secret.
  if (token !== undefined && state.issued.has(token)) return false
  return state.credentialsAreRight({ key }, { key: apiKey })
}

async function sendList(exchange: SimulatedExchange, state: VendorState): Promise<void> {
  const { searchParams } = exchange.url
  const only = searchParams.get('state')
  const matching = state.listed().filter((device) => only === null || words[device.compliance] === only)
  const size = Math.min(largestPage, Number(searchParams.get('limit') ?? 4))
  const skip = skipOf(searchParams, size)
  const rows = matching.slice(skip, skip + size)
  const more = skip + size < matching.length
  const next = new URL(exchange.url.pathname + exchange.url.search, `http://${exchange.request.headers.host}`)
  next.searchParams.set('offset', String(skip + size))
  const relative = `${next.pathname}${next.search}`
  await state.sendPage(exchange, {
    number: Math.floor(skip / size) + 1,
    list: 'data.items',
    body: {
      data: { items: rows.map(recordOf), count: state.total(matching.length) },
      links: { next: more ? (state.faults.nextLink ?? '') + relative : null },
      cursor: more ? `c-${skip + size}` : '',
    },
  })
}

/** By `offset`, by `page` from 1, or by `cursor`. */
function skipOf(query: URLSearchParams, size: number): number {
  const page = query.get('page')
  if (page !== null) return (Number(page) - 1) * size
  const cursor = /^c-(\d+)$/.exec(query.get('cursor') ?? '')?.[1]
  return Number(cursor ?? query.get('offset') ?? 0)
}

const words = { compliant: 'ok', noncompliant: 'violated', grace: 'warned', unknown: 'unchecked' }
const enrolment = { managed: 'enrolled', pending: 'invited', leaving: 'wiping', wiped: 'retired' }
const platforms = { ios: 'phone-a', ipados: 'tablet-a', android: 'phone-g', macos: 'Mac', windows: 'Windows' }

function refOf({ id }: SimulatedDevice): string {
  return `acme/${id}`
}

function recordOf(device: SimulatedDevice): object {
  return {
    ref: refOf(device),
    hw: {
      sn: device.serial,
      udid: device.udid,
      imeis: [device.imei],
      name: device.model,
      code: device.modelCode,
    },
    mail: { easId: device.easId },
    owner: { login: device.user, addresses: [device.email] },
    os: { kind: platforms[device.platform], version: device.osVersion },
    state: words[device.compliance],
    why: device.reasons,
    enrolment: enrolment[device.management],
    integrity: device.compromised ? 'rooted' : 'clean',
    seen: Math.floor(device.lastSeen / 1000),
    graceEnds: device.compliance === 'grace' ? Math.floor(device.changed / 1000) + 86_400 : null,
    ...device.raw,
  }
}

await runAlone(import.meta, startAcme, 9110)

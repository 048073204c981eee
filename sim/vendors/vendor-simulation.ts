/**
 * The counterparts of the MDM connectors: one simulator a vendor that speaks that vendor's published API, with its
 * authentication, paging, throttling, error shapes and quirks. Each has a fleet of scripted devices and a control API
 * on a port of its own: a device goes out of compliance, is wiped or removed, a page breaks, tokens end.
 *
 * This file: what they have in common.
 *
 *     curl -X PATCH $CONTROL/devices/1001 -d '{"compliance":"noncompliant","reasons":["OS_VERSION"]}'
 *     curl -X PUT   $CONTROL/devices/2000 -d '{"user":"alice","platform":"ios"}'       adds one
 *     curl -X DELETE $CONTROL/devices/1001
 *     curl -X POST  $CONTROL/fleet -d '{"count":1000}'                                  adds many
 *     curl -X PUT   $CONTROL/faults -d '{"throttle":{"times":1,"retryAfter":"7"}}'      see faults.ts
 *     curl -X POST  $CONTROL/expire-tokens
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import {
  type SimulatedExchange,
  type Simulation,
  type SimulationOptions,
  startSimulation,
} from '../simulation.ts'
import type { Faults } from './faults.ts'
import { Fleet, type SimulatedDevice, simulatedDevice } from './fleet.ts'

export interface VendorSimulationOptions extends SimulationOptions {
  /** 0 for a free one. */
  readonly controlPort?: number
  /** How many devices there are at the beginning. */
  readonly devices?: number
}

export interface VendorSimulation extends Simulation {
  readonly controlUrl: string
  readonly fleet: Fleet
  /** What goes wrong now; replaced as a whole. */
  faults: Faults
  /** How often credentials (not tokens) were refused: each may bring an account nearer to its lock. */
  readonly refusedSignIns: number
  /** How many calls for devices there were, pages and lookups. */
  readonly calls: number
  /** Every secret that was issued. */
  readonly issued: ReadonlySet<string>
  expireTokens(): void
}

/** The credentials that simulated vendors accept. */
export const simulatedCredentials = {
  user: 'svc-gatehouse',
  password: 'correct horse battery staple',
  clientId: 'gatehouse-client',
  clientSecret: 'S3cr3t-of-the-client-7f2e5a8c',
  apiKey: 'tenant-key-0123456789abcdef',
} as const

/** What a vendor's file provides. */
export interface SimulatedVendor {
  answer(exchange: SimulatedExchange, state: VendorState): unknown
}

/** What the frame gives a vendor's file to answer with. */
export class VendorState {
  readonly fleet: Fleet
  readonly now: () => number
  readonly issued = new Set<string>()
  faults: Faults = {}
  refusedSignIns = 0
  calls = 0
  #tokens = new Map<string, number>()

  constructor(now: () => number) {
    this.now = now
    this.fleet = new Fleet(now)
  }

  /** The fleet as the vendor lists it now. */
  listed(): readonly SimulatedDevice[] {
    if (this.faults.empty === true) return []
    const devices = this.fleet.list()
    const [first] = devices
    return this.faults.duplicate === true && first ? [...devices, first] : devices
  }

  /** The vendor's own total for a list of `count`. */
  total(count: number): number {
    return count + (this.faults.total ?? 0)
  }

  /** @param lifetime milliseconds */
  issueToken(lifetime: number): string {
    const token = randomBytes(24).toString('base64url')
    this.#tokens.set(token, this.now() + lifetime)
    this.issued.add(token)
    return token
  }

  tokenIsGood(token: string | undefined): boolean {
    return (this.#tokens.get(token ?? '') ?? 0) > this.now()
  }

  endToken(token: string): void {
    this.#tokens.delete(token)
  }

  expireTokens(): void {
    this.#tokens.clear()
  }

  /** Compares what a sign-in presented, and counts what it refuses. */
  credentialsAreRight(
    presented: Readonly<Record<string, unknown>>,
    expected: Readonly<Record<string, string>>,
  ): boolean {
    const right = Object.entries(expected).every(([name, value]) => presented[name] === value)
    if (!right) this.refusedSignIns++
    return right
  }

  /** HTTP Basic with the simulated user. */
  basicIsRight(exchange: SimulatedExchange): boolean {
    const { user, password } = simulatedCredentials
    return this.credentialsAreRight(basicOf(exchange), { user, password })
  }

  /**
   * Sends one page, or what the faults make of it.
   * @param number from 1
   * @param list the member that holds the devices, for `no-list`; dotted where it is nested
   */
  async sendPage(
    exchange: SimulatedExchange,
    page: { number: number; list: string; body: object },
  ): Promise<void> {
    const fault = this.faults.page
    if (fault === undefined || fault.number !== page.number) return exchange.json(200, page.body)
    const text = JSON.stringify(page.body)
    switch (fault.as) {
      case 'html':
        return exchange.html(200, '<!DOCTYPE html><html><body>Please sign in to the network</body></html>')
      case 'truncated':
        return exchange.send(200, text.slice(0, text.length / 2), { 'content-type': 'application/json' })
      case 'no-list':
        return exchange.json(200, without(page.body, page.list.split('.')))
      case 'deep':
        return exchange.json(200, { ...page.body, deep: JSON.parse(`${'['.repeat(100)}${']'.repeat(100)}`) })
      case 'cut':
        exchange.response.writeHead(200, {
          'content-type': 'application/json',
          'content-length': text.length,
        })
        exchange.response.write(text.slice(0, text.length / 2), () => exchange.response.destroy())
    }
  }
}

/** User and password of HTTP Basic; without members when there are none. */
export function basicOf(exchange: SimulatedExchange): { readonly user?: string; readonly password?: string } {
  const encoded = /^Basic (.+)$/.exec(exchange.request.headers.authorization ?? '')?.[1]
  const [user, ...rest] = Buffer.from(encoded ?? '', 'base64')
    .toString('utf8')
    .split(':')
  return encoded === undefined ? {} : { user: user ?? '', password: rest.join(':') }
}

/** The token of `Authorization: Bearer`. */
export function bearerOf(exchange: SimulatedExchange): string | undefined {
  return /^Bearer (.+)$/.exec(exchange.request.headers.authorization ?? '')?.[1]
}

function without(body: object, [name = '', ...rest]: readonly string[]): object {
  const members = body as Record<string, unknown> // the page that the vendor's file has made
  const inner = members[name]
  const { [name]: _, ...others } = members
  return rest.length > 0 && typeof inner === 'object' && inner !== null
    ? { ...others, [name]: without(inner, rest) }
    : others
}

/** Starts a vendor's API and its control API. */
export async function startVendorSimulation(
  options: VendorSimulationOptions,
  vendor: SimulatedVendor,
): Promise<VendorSimulation> {
  const state = new VendorState(options.now ?? Date.now)
  state.fleet.fill(options.devices ?? 0)
  const simulation = await startSimulation(options, (exchange) => answer(exchange, state, vendor))
  const host = options.host ?? '127.0.0.1'
  const control = await startSimulation({ port: options.controlPort ?? 0, host }, (exchange) =>
    controlAnswer(exchange, state),
  )
  return {
    ...simulation,
    controlUrl: control.url,
    fleet: state.fleet,
    issued: state.issued,
    get faults() {
      return state.faults
    },
    set faults(faults: Faults) {
      state.faults = faults
    },
    get refusedSignIns() {
      return state.refusedSignIns
    },
    get calls() {
      return state.calls
    },
    expireTokens: () => state.expireTokens(),
    async close() {
      await Promise.all([simulation.close(), control.close()])
    },
  }
}

async function answer(
  exchange: SimulatedExchange,
  state: VendorState,
  vendor: SimulatedVendor,
): Promise<unknown> {
  const { slow, redirect, throttle, fail } = state.faults
  if (slow !== undefined) await patience(exchange, slow)
  if (redirect !== undefined) return exchange.redirect(redirect)
  if (throttle !== undefined && throttle.times > 0) {
    state.faults = { ...state.faults, throttle: { ...throttle, times: throttle.times - 1 } }
    const wait: Record<string, string> =
      throttle.retryAfter === '' ? {} : { 'retry-after': throttle.retryAfter }
    return exchange.json(429, { message: 'Too many requests' }, wait)
  }
  if (fail !== undefined && fail > 0) {
    state.faults = { ...state.faults, fail: fail - 1 }
    return exchange.html(503, '<html><body>Service unavailable</body></html>')
  }
  return vendor.answer(exchange, state)
}

/** Ends early when the client has gone. */
async function patience(exchange: SimulatedExchange, milliseconds: number): Promise<void> {
  const gone = new AbortController()
  exchange.response.once('close', () => gone.abort())
  await delay(milliseconds, undefined, { signal: gone.signal }).catch(() => {})
}

async function controlAnswer(exchange: SimulatedExchange, state: VendorState): Promise<void> {
  const [, resource, id] = exchange.url.pathname.split('/')
  const body = await exchange.readJson()
  switch (`${exchange.request.method} ${resource}${id === undefined ? '' : '/id'}`) {
    case 'GET devices':
      return exchange.json(200, state.fleet.list())
    case 'GET devices/id':
      return found(exchange, state.fleet.get(id ?? ''))
    case 'PUT devices/id':
      state.fleet.add(
        simulatedDevice(Number(id) || state.fleet.size + 1, state.now(), { ...body, id: id ?? '' }),
      )
      return found(exchange, state.fleet.get(id ?? ''))
    case 'PATCH devices/id':
      return found(exchange, state.fleet.change(id ?? '', body))
    case 'DELETE devices/id':
      return exchange.json(state.fleet.remove(id ?? '') ? 200 : 404, {})
    case 'POST fleet':
      state.fleet.fill(Number(body.count ?? 1), state.fleet.size + 1)
      return exchange.json(200, { devices: state.fleet.size })
    case 'GET faults':
      return exchange.json(200, state.faults)
    case 'PUT faults':
      state.faults = body as Faults // whoever scripts a simulation gets what was asked for
      return exchange.json(200, state.faults)
    case 'DELETE faults':
      state.faults = {}
      return exchange.json(200, {})
    case 'POST expire-tokens':
      state.expireTokens()
      return exchange.json(200, {})
    default:
      return exchange.json(404, { error: 'see the head of sim/vendors/vendor-simulation.ts' })
  }
}

function found(exchange: SimulatedExchange, device: SimulatedDevice | undefined): void {
  if (device === undefined) exchange.json(404, { error: 'there is no such device' })
  else exchange.json(200, device)
}

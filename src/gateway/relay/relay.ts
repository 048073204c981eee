/**
 * The relay carries one exchange to an upstream and back, streaming, with undici. `relay.ts` is its door; `exchange.ts`
 * is the way of one exchange; `request-headers.ts` and `response-headers.ts` say what passes; `pools.ts`,
 * `upstreams.ts`, `health.ts` and `retry.ts` choose connections; `pinned.ts` keeps connections that sign a user in
 * apart; `upgrade.ts` and `tunnel.ts` are for WebSockets. It decides nothing about who may pass.
 */

import type { lookup } from 'node:dns'
import type { Limits } from '../../domain/limits.ts'
import type { Service } from '../../domain/service.ts'
import { guardedLookup } from './addresses.ts'
import type { Authorities } from './authorities.ts'
import { Exchange } from './exchange.ts'
import { RelayFailure } from './failure.ts'
import type { HealthEvent } from './health.ts'
import type { ForwardOrder, RelayOutcome } from './order.ts'
import { isShared, type Pin, Pins } from './pinned.ts'
import { isConnectionScheme } from './response-headers.ts'
import { Upstreams } from './upstreams.ts'

export { RelayFailure, type RelayReason } from './failure.ts'
export type { AnswerVerdict, ForwardOrder, RelayEnd, RelayOutcome, TunnelEnd } from './order.ts'

export interface Relay {
  /**
   * Carries the exchange out and resolves when it is over, whatever upstream and client did.
   * @throws RelayFailure when it came to nothing before the client saw a byte: the caller answers then
   */
  forward(order: ForwardOrder): Promise<RelayOutcome>
  upstreamHealth(): readonly HealthEvent[]
  /** Closes all upstream connections; exchanges that are still open end as broken off. */
  close(): Promise<void>
}

export interface RelayOptions {
  readonly services: readonly Service[]
  /** CAs of upstreams that are not the system's: `readAuthorities`. */
  readonly authorities?: Authorities
  readonly limits: Limits
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Our name in Via; `gatehouse` when not given. */
  readonly pseudonym?: string
  /** A request field that no upstream may see: the MDM token's. */
  readonly secretField?: string
  /** From 0 to 1; jitter for upstreams that are set aside. */
  readonly random?: () => number
  /** Names of upstreams are resolved with it; the system's unless a test has its own. */
  readonly lookup?: typeof lookup
  /** An upstream was set aside, or answers again. */
  readonly onHealth?: (event: HealthEvent) => void
}

export function createRelay(options: RelayOptions): Relay {
  const { limits, now, random = Math.random, pseudonym } = options
  const lookup = guardedLookup(options.lookup)
  const services = new Map<string, Upstreams>()
  for (const service of options.services) {
    services.set(
      service.name,
      new Upstreams(service, {
        authorities: options.authorities?.get(service.name) ?? [],
        limits,
        now,
        random,
        lookup,
        pseudonym,
        secretField: options.secretField,
        onHealth: options.onHealth,
      }),
    )
  }
  const pins = new Pins()

  return {
    forward(order) {
      const upstreams = services.get(order.service.name)
      if (upstreams === undefined) return Promise.reject(new Error(`No such service: ${order.service.name}`))
      return new Promise((resolve, reject) => {
        const pin = pinFor(order, upstreams, pins)
        const { upgradeIdleTimeout, answerTimeout } = limits
        const context = { upstreams, pins, pin, now, upgradeIdleTimeout, answerTimeout }
        new Exchange(order, context, { resolve, reject }).start()
      })
    },
    upstreamHealth: () => [...services.values()].flatMap((upstreams) => upstreams.health()),
    close: async () => {
      await Promise.all([...services.values()].map((upstreams) => upstreams.close()))
    },
  }
}

/** The connection's own upstream connection, when it has one or needs one from this request on. */
function pinFor(order: ForwardOrder, upstreams: Upstreams, pins: Pins): Pin | undefined {
  const { connection } = order.client
  const known = pins.of(connection)
  if (known !== undefined) {
    // What was decided by one service's rules must not reach another service's upstream.
    if (!upstreams.all.includes(known.upstream)) throw new RelayFailure('connection.other-service')
    return known
  }
  const credentials = order.head.fields.get('authorization')
  if (credentials === undefined || !isConnectionScheme(credentials)) return undefined
  if (isShared(order.head)) throw new RelayFailure('connection.shared')
  if (connection.httpVersion === '2') throw new RelayFailure('connection.http1-required')
  const upstream = upstreams.choose([])
  return upstream && pins.pin(connection, upstream)
}

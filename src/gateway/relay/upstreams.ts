import type { LookupFunction } from 'node:net'
import type { Limits } from '../../domain/limits.ts'
import type { Service } from '../../domain/service.ts'
import { createConnector } from './connector.ts'
import { type HealthEvent, UpstreamHealth } from './health.ts'
import { UpstreamPool } from './pools.ts'
import { RequestHeaders } from './request-headers.ts'

/** One upstream address of one service. */
export interface Upstream {
  readonly url: URL
  /** As a text: for the log of each exchange. */
  readonly origin: string
  /** For TLS: fixed, or undici would take the client's Host for the server's name and reconnect at each change. */
  readonly serverName: string
  readonly pool: UpstreamPool
  readonly health: UpstreamHealth
}

export interface UpstreamsOptions {
  readonly limits: Limits
  readonly now: () => number
  readonly random: () => number
  readonly lookup: LookupFunction
  /** Our name in Via. */
  readonly pseudonym?: string | undefined
  /** A request field that no upstream may see. */
  readonly secretField?: string | undefined
  readonly onHealth?: ((event: HealthEvent) => void) | undefined
  /** PEM texts; empty: the system's. */
  readonly authorities: readonly string[]
}

/** The upstreams of one service: which one an exchange goes to, and what is known of their health. */
export class Upstreams {
  readonly headers: RequestHeaders
  readonly all: readonly Upstream[]
  readonly #service: Service
  readonly #options: UpstreamsOptions
  #turn = 0

  constructor(service: Service, options: UpstreamsOptions) {
    this.#service = service
    this.#options = options
    this.headers = new RequestHeaders(service, options.pseudonym, options.secretField)
    this.all = service.upstream.map((url) => {
      const connector = createConnector({
        url,
        tls: { ...service.upstreamTls, ca: options.authorities },
        timeout: options.limits.connectTimeout,
        lookup: options.lookup,
      })
      return {
        url,
        origin: url.origin,
        serverName: service.upstreamTls.serverName ?? url.hostname,
        pool: new UpstreamPool(url, connector, options.limits),
        health: new UpstreamHealth(),
      }
    })
  }

  /**
   * The least busy of the healthy ones, in turn among equals; when all are set aside, the least busy of them all,
   * since a service that may be down is no reason to answer that it is.
   * @param tried is not chosen again; undefined when all have been tried
   */
  choose(tried: readonly Upstream[]): Upstream | undefined {
    const { all } = this
    if (all.length === 1) return tried.length === 0 ? all[0] : undefined
    const now = this.#options.now()
    this.#turn = (this.#turn + 1) % all.length
    let best: Upstream | undefined
    let fallback: Upstream | undefined
    for (let i = 0; i < all.length; i++) {
      const upstream = all[(this.#turn + i) % all.length] as Upstream
      if (tried.includes(upstream)) continue
      if (upstream.health.usable(now)) {
        if (best === undefined || upstream.pool.busy < best.pool.busy) best = upstream
      } else if (fallback === undefined || upstream.pool.busy < fallback.pool.busy) fallback = upstream
    }
    best?.health.probing(now, this.#options.limits.connectTimeout)
    return best ?? fallback
  }

  succeeded(upstream: Upstream): void {
    if (upstream.health.failures > 0 && upstream.health.succeeded()) this.#announce(upstream)
  }

  failed(upstream: Upstream): void {
    if (upstream.health.failed(this.#options.now(), this.#options.random())) this.#announce(upstream)
  }

  health(): HealthEvent[] {
    return this.all.map((upstream) => this.#event(upstream))
  }

  async close(): Promise<void> {
    await Promise.all(this.all.map((upstream) => upstream.pool.close()))
  }

  #announce(upstream: Upstream): void {
    this.#options.onHealth?.(this.#event(upstream))
  }

  #event({ url, health }: Upstream): HealthEvent {
    return {
      service: this.#service.name,
      upstream: url.origin,
      healthy: health.healthy,
      failures: health.failures,
      ...(health.retryAt !== undefined && { retryAt: health.retryAt }),
    }
  }
}

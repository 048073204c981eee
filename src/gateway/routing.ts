import type { ClientProtocol, ProtocolDependencies } from '../clients/protocol.ts'
import { clientProtocols } from '../clients/table.ts'
import type { RequestHead } from '../domain/request-head.ts'
import type { Service } from '../domain/service.ts'
import { compilePathPattern } from '../lib/path-pattern.ts'

/** A service with what is made once from its settings. */
export interface Route {
  readonly service: Service
  readonly protocol: ClientProtocol
  readonly isPublic: (path: string) => boolean
}

export type Destination =
  | { readonly kind: 'service'; readonly route: Route; readonly onRegistrationHost: boolean }
  /** A path under `/.gatehouse/`, or the front page of the gateway's own hosts. */
  | { readonly kind: 'own-page'; readonly route: Route | undefined }
  | { readonly kind: 'unknown-host' }

/** The prefix that Gatehouse keeps for itself on every host; never forwarded. */
export const ownPrefix = '/.gatehouse'

export class Routes {
  readonly all: readonly Route[]
  readonly #byHost = new Map<string, Route>()
  readonly #byWildcard = new Map<string, Route>()
  readonly #ownHosts: ReadonlySet<string>

  constructor(services: readonly Service[], ownHosts: readonly string[], dependencies: ProtocolDependencies) {
    this.all = services.map((service) => openRoute(service, dependencies))
    this.#ownHosts = new Set(ownHosts)
    for (const route of this.all) {
      for (const host of route.service.hosts) {
        if (host.startsWith('*.')) this.#byWildcard.set(host.slice(2), route)
        else this.#byHost.set(host, route)
      }
    }
  }

  /** The service of a host name in lower case. A wildcard covers one label, and never one of the gateway's own hosts. */
  ofHost(host: string): Route | undefined {
    const exact = this.#byHost.get(host)
    if (exact !== undefined || this.#byWildcard.size === 0 || this.#ownHosts.has(host)) return exact
    const dot = host.indexOf('.')
    return dot < 0 ? undefined : this.#byWildcard.get(host.slice(dot + 1))
  }

  byName(service: string): Route | undefined {
    return this.all.find((route) => route.service.name === service)
  }

  destination(head: RequestHead): Destination {
    const route = this.ofHost(head.host)
    if (route !== undefined) {
      return isOwnPath(head)
        ? { kind: 'own-page', route }
        : { kind: 'service', route, onRegistrationHost: false }
    }
    if (!this.#ownHosts.has(head.host)) return { kind: 'unknown-host' }
    const claimed = isOwnPath(head) ? undefined : this.#claimedOnRegistrationHost(head.path)
    return claimed === undefined
      ? { kind: 'own-page', route: undefined }
      : { kind: 'service', route: claimed, onRegistrationHost: true }
  }

  /**
   * Native clients are sent to the registration address with their protocol's own paths. One service of the protocol
   * can be meant; with two, nobody knows which, and none is.
   */
  #claimedOnRegistrationHost(path: string): Route | undefined {
    const claiming = this.all.filter((route) => route.protocol.claims(path))
    return claiming.length === 1 ? claiming[0] : undefined
  }

  isOwnHost(host: string): boolean {
    return this.#ownHosts.has(host)
  }
}

/** Is a browser registered for this service by its evidence alone? */
export function isWithoutSignIn({ service: { client } }: Route): boolean {
  return client.kind === 'browser' && client.signIn === 'none'
}

function openRoute(service: Service, dependencies: ProtocolDependencies): Route {
  const patterns = service.public.map((pattern) => compilePathPattern(pattern, service.paths))
  return {
    service,
    protocol: clientProtocols[service.client.kind](service, dependencies),
    isPublic: (path) => patterns.some((matches) => matches(path)),
  }
}

/** In any letter case and spelling: an upstream that does not tell letter cases apart never sees the prefix. */
export function isOwnPath({ path, decodedPath }: RequestHead): boolean {
  return startsWithOwnPrefix(path) || startsWithOwnPrefix(decodedPath)
}

function startsWithOwnPrefix(path: string): boolean {
  const start = path.slice(0, ownPrefix.length + 1).toLowerCase()
  return start === ownPrefix || start === `${ownPrefix}/`
}

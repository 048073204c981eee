import type { RequestHead } from '../../domain/request-head.ts'
import type { ClientKind } from '../../domain/service.ts'
import type { Route } from '../routing.ts'
import { bindPath, joinPart } from './paths.ts'

/** One service's link in the answer to a first contact. */
export interface BindingLink {
  readonly service: string
  readonly client: ClientKind
  /** The app opens it when its user presses Register. */
  readonly url: string
  /** For clients whose server address can be given to them: every request below it carries the link by itself. */
  readonly server?: string
  /** Opens the client itself, where it has an address of its own. */
  readonly launch?: string
}

/** @returns undefined for a service that has no host of its own, only a wildcard */
export function bindingLink(
  { service }: Route,
  ticket: string,
  { scheme, authority }: Pick<RequestHead, 'scheme' | 'authority'>,
): BindingLink | undefined {
  const host = service.hosts.find((name) => !name.startsWith('*.'))
  if (host === undefined) return undefined
  // All hosts of the gateway are at the same listener, so at the same port.
  const port = /:\d+$/.exec(authority)?.[0] ?? ''
  const origin = `${scheme}://${host}${port}`
  const { kind } = service.client
  const named = { service: service.name, client: kind }
  if (kind === 'browser') return { ...named, url: `${origin}${bindPath}?ticket=${ticket}` }
  const server = `${origin}${bindPath}/${ticket}`
  if (kind !== 'lync') return { ...named, url: server, server }
  return { ...named, url: `${server}${joinPart}`, launch: lyncLaunch(`${server}${joinPart}`) }
}

/** Skype for Business opens a meeting's join address by itself when it is started with this. */
export function lyncLaunch(joinUrl: string): string {
  return `ms-sfb://confjoin?url=${encodeURIComponent(joinUrl)}`
}

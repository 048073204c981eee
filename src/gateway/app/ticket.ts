import { gatehouseCookie, readCookies } from '../../clients/device-cookie.ts'
import type { ClientRequest } from '../../clients/protocol.ts'
import { sameUser } from '../../clients/user-name.ts'
import type { BindingTicket } from '../../domain/app-device.ts'
import type { DeviceDescription, Identification, Platform } from '../../domain/client-identity.ts'
import type { ReasonCode } from '../../domain/reason.ts'
import { sha256 } from '../../lib/hash.ts'
import type { Route } from '../routing.ts'
import type { CompanyApp } from './company-app.ts'

/** The ticket that speaks for a request, or why the one that it shows does not. */
export type ShownTicket = { readonly ticket: BindingTicket } | { readonly problem: ReasonCode }

export interface AskedOf {
  readonly request: ClientRequest
  readonly route: Route
  readonly identification: Identification
}

/**
 * How a client carries its ticket, the strongest way first:
 *
 *   in its path      its server's address is the link (`paths.ts`): every request of it has the ticket
 *   in a cookie      a browser that opened the link
 *   by what it shows a key of the client's own was seen together with the ticket (a Lync web ticket at the join address)
 *   by its address   the link was opened from the same address, for the same user: for clients that can carry nothing
 *
 * The last one rests on the user's password and on who shares the address; `app.bindByAddress` turns it off.
 */
export async function shownTicket(asked: AskedOf, app: CompanyApp): Promise<ShownTicket | undefined> {
  const { request, identification } = asked
  if (request.bindingTicket !== undefined) {
    const found = await app.tickets.find(sha256(request.bindingTicket))
    return judged(found, asked)
  }
  const [cookie, second] = readCookies(request.head, gatehouseCookie('ticket', request.head.scheme))
  if (cookie !== undefined) {
    if (second !== undefined) return { problem: 'client.cookie-invalid' }
    const held = await heldBy([sha256(cookie)], asked, app)
    return held === undefined ? { problem: 'app.ticket-expired' } : judged(held, asked)
  }
  const held = await heldBy(
    identification.keys.map(({ hash }) => hash),
    asked,
    app,
  )
  return held === undefined ? openedFromHere(asked, app) : judged(held, asked)
}

function heldBy(holders: readonly string[], { route, request }: AskedOf, { tickets }: CompanyApp) {
  return tickets.findHeld(route.service.name, holders, request.head.receivedAt)
}

/** What is wrong with a ticket, for this service at this time. */
export function problemOf(
  ticket: BindingTicket | undefined,
  service: string,
  now: number,
): ReasonCode | undefined {
  if (ticket === undefined) return 'app.ticket-unknown'
  if (ticket.service !== service) return 'app.ticket-elsewhere'
  if (ticket.usedAt !== undefined) return 'app.ticket-used'
  return ticket.expiresAt <= now ? 'app.ticket-expired' : undefined
}

function judged(ticket: BindingTicket | undefined, { request, route, identification }: AskedOf): ShownTicket {
  const problem = problemOf(ticket, route.service.name, request.head.receivedAt)
  if (ticket === undefined || problem !== undefined) return { problem: problem ?? 'app.ticket-unknown' }
  const { user } = identification
  if (user !== undefined && !sameUser(user, ticket.user)) return { problem: 'app.other-user' }
  return { ticket }
}

/**
 * Only for a request that names the ticket's user, or that signs in without naming anybody yet (its answer will, and is
 * held against the ticket): a neighbour behind the same address gets nowhere by it.
 */
async function openedFromHere(
  { request, route, identification }: AskedOf,
  { tickets, settings }: CompanyApp,
): Promise<ShownTicket | undefined> {
  const { user, signIn, device } = identification
  if (!settings.bindByAddress || route.protocol.kind === 'browser') return undefined
  if (user === undefined && !signIn) return undefined
  const { receivedAt, source } = request.head
  const opened = await tickets.findOpened(route.service.name, source.address, receivedAt)
  const ticket = opened.find((one) => (user === undefined || sameUser(user, one.user)) && isLike(one, device))
  return ticket && { ticket }
}

/** Where both sides say something, it has to agree. */
function isLike({ device }: BindingTicket, { platform, claimedId }: DeviceDescription): boolean {
  const { easDeviceId } = device.ids
  if (easDeviceId !== undefined && claimedId !== undefined)
    return easDeviceId.includes(claimedId.toLowerCase().replace(/[^0-9a-z]/g, ''))
  return platform === undefined || samePlatform(platform, device.platform)
}

/** iPads call themselves Macs, and their apps are the iPhone's. */
const apple: readonly Platform[] = ['ios', 'ipados', 'macos']

function samePlatform(a: Platform, b: Platform): boolean {
  return a === b || a === 'other' || b === 'other' || (apple.includes(a) && apple.includes(b))
}

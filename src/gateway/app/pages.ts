import type { Answer } from '../../domain/answer.ts'
import type { RequestHead } from '../../domain/request-head.ts'
import type { ClientSide } from '../client-side.ts'
import { readSmallBody } from '../read-body.ts'
import { isOwnPath, type Route } from '../routing.ts'
import { openLink } from './bind.ts'
import type { CompanyApp } from './company-app.ts'
import { checkArrival, contactSize, firstContact } from './first-contact.ts'
import {
  bindPath,
  isTicket,
  joinPart,
  readTicketPath,
  registerPath,
  type TicketPath,
  withoutTicket,
} from './paths.ts'
import { AppRefused } from './refused.ts'

export interface AppVisit {
  readonly head: RequestHead
  readonly client: ClientSide
  /** Undefined on the gateway's own hosts. */
  readonly route: Route | undefined
}

/**
 * The company app's own addresses: first contacts on the gateway's own hosts, links on the services'.
 * @returns undefined when this is none of them
 * @throws AppRefused
 */
export function appPage(visit: AppVisit, app: CompanyApp): Promise<Answer> | undefined {
  const { head, route } = visit
  if (route === undefined) return head.path === registerPath ? register(visit, app) : undefined
  const link = head.path === bindPath ? linkOfQuery(head) : linkOfPath(head)
  return link && openLink({ head, route, ...link }, app)
}

async function register({ head, client }: AppVisit, app: CompanyApp): Promise<Answer> {
  const arrival = await checkArrival(head, app)
  return firstContact(arrival, await readSmallBody(client, contactSize), app)
}

function linkOfQuery({ query }: RequestHead): TicketPath {
  const ticket = new URLSearchParams(query).get('ticket') ?? ''
  if (!isTicket(ticket)) throw new AppRefused('app.ticket-unknown')
  return { ticket, rest: '' }
}

/** The link itself, or the meeting behind it; what else is below it is not a page of ours. */
function linkOfPath({ path }: RequestHead): TicketPath | undefined {
  const read = readTicketPath(path)
  return read?.rest === '' || read?.rest === joinPart ? read : undefined
}

/**
 * A request of a client whose server's address is a link: it goes the way of every request, with the ticket beside it. Once
 * the ticket is used or over, the address still leads to the service; what counts then is the client's registration.
 * A browser has a cookie instead: its pages would leave the address at their first absolute link.
 */
export function throughLink(
  head: RequestHead,
  route: Route | undefined,
): { readonly head: RequestHead; readonly ticket: string; readonly route: Route } | undefined {
  if (route === undefined || route.protocol.kind === 'browser') return undefined
  const inner = withoutTicket(head)
  if (inner === undefined || isOwnPath(inner.head)) return undefined
  const joins = route.protocol.kind === 'lync' && inner.head.path === joinPart
  return joins ? undefined : { ...inner, route }
}

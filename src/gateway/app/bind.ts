import { renderPage } from '../../clients/answers/page.ts'
import { gatehouseCookie, readCookies, setShortCookie } from '../../clients/device-cookie.ts'
import { isNavigation } from '../../clients/navigation.ts'
import { sameUser } from '../../clients/user-name.ts'
import type { Answer } from '../../domain/answer.ts'
import type { BindingTicket } from '../../domain/app-device.ts'
import type { RequestHead } from '../../domain/request-head.ts'
import type { ClientKind } from '../../domain/service.ts'
import { sha256 } from '../../lib/hash.ts'
import { isWithoutSignIn, type Route } from '../routing.ts'
import type { CompanyApp } from './company-app.ts'
import { lyncLaunch } from './links.ts'
import { joinPart } from './paths.ts'
import { AppRefused } from './refused.ts'
import { problemOf } from './ticket.ts'

export interface Opening {
  readonly head: RequestHead
  readonly route: Route
  readonly ticket: string
  /** What follows the ticket in the path. */
  readonly rest: string
}

/** The link of a first contact is opened: by the real client itself, or by the browser of its device. @throws AppRefused */
export async function openLink(opening: Opening, app: CompanyApp): Promise<Answer> {
  const { head, route } = opening
  if (head.method !== 'GET' && head.method !== 'HEAD') throw new AppRefused('http.method')
  if (isPrefetch(head)) return { status: 503, headers: [['Retry-After', '1']], body: '' }
  const ticket = await usableTicket(opening, app)
  if (route.protocol.kind === 'browser') return openInBrowser(opening, ticket, app)
  if (opening.rest === joinPart && route.protocol.kind === 'lync' && !isNavigation(head))
    return joinMeeting(opening, ticket, app)
  return openForNeighbour(opening, ticket, app)
}

/** A browser that looks ahead, perhaps for nobody: the link is for the visit itself. */
function isPrefetch({ fields }: RequestHead): boolean {
  return [fields.get('sec-purpose'), fields.get('purpose')].some((purpose) => purpose?.includes('prefetch'))
}

async function usableTicket(
  { head, route, ticket }: Opening,
  { tickets }: CompanyApp,
): Promise<BindingTicket> {
  const found = await tickets.find(sha256(ticket))
  const problem = problemOf(found, route.service.name, head.receivedAt)
  if (found === undefined || problem !== undefined) throw new AppRefused(problem ?? 'app.ticket-unknown')
  return found
}

/**
 * The link is exchanged for a cookie, once: who finds it later in the history or in a log has nothing. The user then
 * signs in as always.
 */
async function openInBrowser(
  { head, route }: Opening,
  ticket: BindingTicket,
  app: CompanyApp,
): Promise<Answer> {
  const name = gatehouseCookie('ticket', head.scheme)
  const [present] = readCookies(head, name)
  const again = present !== undefined && ticket.holder === sha256(present)
  if (head.method === 'HEAD' || again) return seeOther('/')
  const secret = app.newSecret()
  const holder = sha256(secret)
  if (ticket.holder !== undefined) throw new AppRefused('app.ticket-used')
  if (isWithoutSignIn(route) && comesFromAnotherSite(head)) return askFirst(head, ticket)
  await open(ticket, { at: head.receivedAt, holder }, app)
  const seconds = Math.ceil((ticket.expiresAt - head.receivedAt) / 1000)
  return seeOther('/', [['Set-Cookie', setShortCookie(name, secret, seconds, head.scheme)]])
}

/**
 * Where nobody signs in, the link alone says who uses the browser: a page of somebody else that leads here would make its
 * visitor somebody else (login CSRF). An app that opens the link is asked as well on systems that say no more of it.
 */
function comesFromAnotherSite({ fields }: RequestHead): boolean {
  const site = fields.get('sec-fetch-site')
  return site === 'cross-site' || site === 'same-site'
}

function askFirst({ target, id }: RequestHead, { user }: BindingTicket): Answer {
  return renderPage({
    title: 'Register this browser?',
    paragraphs: [
      `This browser is about to be registered for ${user}. Whatever is done with it is then done by ${user}.`,
    ],
    advice:
      'Go on if this is you, and you have just pressed Register in your company’s app. Otherwise close this page.',
    actions: [{ label: `Go on as ${user}`, href: target }],
    reference: id,
  })
}

/**
 * Skype for Business joins the meeting that exists only for this: its own request shows its web ticket beside the link,
 * so that both are known to be of one client. Without one it is asked for one, in its own terms.
 */
async function joinMeeting(
  { head, route }: Opening,
  ticket: BindingTicket,
  app: CompanyApp,
): Promise<Answer> {
  const identification = await route.protocol.identify({
    head: { ...head, path: joinPart, decodedPath: joinPart },
  })
  const [key] = identification.keys
  if (identification.refuse !== undefined) throw new AppRefused(identification.refuse)
  if (key === undefined) return askForWebTicket(head)
  const user = identification.user ?? (await app.userOfGrant(key))
  // A web ticket that this gateway has not seen being given says nothing about its user.
  if (user === undefined) return askForWebTicket(head)
  if (!sameUser(user, ticket.user)) throw new AppRefused('app.other-user')
  await open(ticket, { at: head.receivedAt, holder: key.hash }, app)
  const subject = 'This device is being registered'
  return {
    status: 200,
    headers: [['Content-Type', 'application/json']],
    body: `${JSON.stringify({ subject, _links: { self: { href: head.target } } })}\n`,
  }
}

/** As UCWA asks (MsRtcOAuth): here a 401 is the question that the client expects. */
function askForWebTicket({ scheme, authority }: RequestHead): Answer {
  const href = `${scheme}://${authority}/WebTicket/oauthtoken`
  return {
    status: 401,
    headers: [
      ['WWW-Authenticate', `MsRtcOAuth href="${href}",grant_type="urn:microsoft.rtc:windows,password"`],
      ['Content-Type', 'application/json'],
    ],
    body: `${JSON.stringify({ code: 'Forbidden', message: 'Sign in first' })}\n`,
  }
}

/** The client itself cannot carry the link: it speaks for one client of the same user from the same address. */
async function openForNeighbour(opening: Opening, ticket: BindingTicket, app: CompanyApp): Promise<Answer> {
  const { head, route } = opening
  const launch = opening.rest === joinPart ? lyncLaunch(linkOf(head)) : undefined
  if (app.settings.bindByAddress && head.method === 'GET')
    await open(ticket, { at: head.receivedAt, source: head.source.address }, app)
  else if (launch === undefined && head.method === 'GET') throw new AppRefused('app.ticket-elsewhere')
  return renderPage({
    title: 'Almost done',
    paragraphs: [
      `Open ${clientNames[route.protocol.kind]} on this device now, and sign in as ${ticket.user}.`,
      `This works once, and only ${minutesLeft(ticket.expiresAt - head.receivedAt)}.`,
    ],
    advice:
      'Stay on the network that you are on now until the app has signed in. If it does not work, go back to your company’s app and press Register again.',
    ...(launch !== undefined && { actions: [{ label: 'Open Skype for Business', href: launch }] }),
    reference: head.id,
  })
}

function linkOf({ scheme, authority, target }: RequestHead): string {
  return `${scheme}://${authority}${target}`
}

const clientNames: Record<ClientKind, string> = {
  browser: 'your browser',
  activesync: 'the mail app',
  lync: 'Skype for Business',
  matrix: 'the chat app',
  bearer: 'the app',
  generic: 'the app',
}

/** Not a time of day: nobody knows the user's time zone here. */
function minutesLeft(milliseconds: number): string {
  const minutes = Math.floor(milliseconds / 60_000)
  return minutes < 2 ? 'within the next minute' : `within the next ${minutes} minutes`
}

async function open(
  { hash }: BindingTicket,
  opening: Parameters<CompanyApp['tickets']['open']>[1],
  { tickets }: CompanyApp,
): Promise<void> {
  if ((await tickets.open(hash, opening)) === 'taken') throw new AppRefused('app.ticket-used')
}

function seeOther(location: string, headers: Answer['headers'] = []): Answer {
  return { status: 303, headers: [['Location', location], ...headers], body: '' }
}

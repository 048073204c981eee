import type { RequestHead } from '../../domain/request-head.ts'
import { ownPrefix } from '../routing.ts'

/** Under the prefix that Gatehouse keeps for itself. */
export const registerPath = `${ownPrefix}/app/register`
export const bindPath = `${ownPrefix}/app/bind`
/** The part of a Lync link behind its ticket: the join address of a meeting that exists only for this. */
export const joinPart = '/join'

const ticketForm = /^[A-Za-z0-9_-]{43}$/

export interface TicketPath {
  readonly ticket: string
  /** What follows: empty, or a path of the client's own protocol. */
  readonly rest: string
}

/** `/.gatehouse/app/bind/TICKET/…`; undefined for every other path. */
export function readTicketPath(path: string): TicketPath | undefined {
  if (!path.startsWith(`${bindPath}/`)) return undefined
  const ticket = path.slice(bindPath.length + 1, bindPath.length + 44)
  const rest = path.slice(bindPath.length + 44)
  return ticketForm.test(ticket) && (rest === '' || rest.startsWith('/')) ? { ticket, rest } : undefined
}

export function isTicket(text: string): boolean {
  return ticketForm.test(text)
}

/**
 * The request that a client makes which has the link for its server's address: the same one without the link's prefix.
 * All forms of the path lose the same bytes, so that policy and upstream still see one path.
 * @returns undefined when the link does not stand there byte for byte, or leads back to a path of our own
 */
export function withoutTicket(
  head: RequestHead,
): { readonly head: RequestHead; readonly ticket: string } | undefined {
  const { path, decodedPath, target } = head
  const read = readTicketPath(path)
  if (read === undefined || read.rest === '') return undefined
  const prefix = `${bindPath}/${read.ticket}`
  if (!target.startsWith(`${prefix}/`) || !decodedPath.startsWith(`${prefix}/`)) return undefined
  const inner = {
    ...head,
    path: path.slice(prefix.length),
    decodedPath: decodedPath.slice(prefix.length),
    target: target.slice(prefix.length),
  }
  return { head: inner, ticket: read.ticket }
}

/** For logs: a link's secret is worth as much as the device for as long as it lasts. */
export function withoutSecret(path: string): string {
  return path.startsWith(`${bindPath}/`) ? `${bindPath}/[redacted]` : path
}

import type { RequestHead } from '../../domain/request-head.ts'
import { type FormPair, parseForm } from '../../lib/form.ts'
import { parseJsonObject, stringMember } from '../../lib/json.ts'
import { bearerToken } from '../authorization.ts'
import { mediaType } from '../extract.ts'
import { RequestRefused } from '../refused.ts'

/**
 * The web ticket of a request: `Authorization: Bearer cwt=…` (UCWA) or `X-MS-WebTicket: cwt=…` (mobile).
 * @throws RequestRefused when there are two that differ
 */
export function webTicket(head: RequestHead): string | undefined {
  const tickets = head.fields.all('x-ms-webticket')
  const bearer = bearerToken(head)
  if (bearer !== undefined) tickets.push(bearer)
  if (new Set(tickets).size > 1) throw new RequestRefused('client.ambiguous')
  const ticket = tickets[0]?.trim()
  return ticket !== undefined && isTicket(ticket) ? ticket : undefined
}

function isTicket(value: string): boolean {
  return value.length <= 32_768 && /^[\x21-\x7e]+$/.test(value)
}

/** Whom the form of a ticket request names, and whether it is the form's password that proves it. */
export interface TicketForm {
  readonly user: string | undefined
  readonly byPassword: boolean
}

/**
 * Other grants than `grant_type=password` name their user elsewhere, or nobody: a guest's ticket for a meeting is
 * given to whoever asks, whatever name stands beside it.
 * @throws RequestRefused, MalformedInput
 */
export function readTicketForm(head: RequestHead, body: Uint8Array | undefined): TicketForm {
  if (body === undefined || mediaType(head) !== 'application/x-www-form-urlencoded')
    return { user: undefined, byPassword: false }
  if (head.fields.has('content-encoding')) throw new RequestRefused('client.ambiguous')
  const pairs = parseForm(Buffer.from(body).toString('latin1'))
  return {
    user: onlyField(pairs, 'username'),
    byPassword: onlyField(pairs, 'grant_type')?.trim().toLowerCase() === 'password',
  }
}

function onlyField(pairs: readonly FormPair[], name: string): string | undefined {
  const values = pairs.filter(([other]) => other.trim().toLowerCase() === name)
  if (values.length > 1) throw new RequestRefused('client.ambiguous')
  return values[0]?.[1]
}

export interface GivenTicket {
  readonly ticket: string
  /** Seconds. */
  readonly expiresIn: number
}

/** A user's ticket lives for eight hours unless its answer says otherwise. */
export const ticketLife = 8 * 3600

/** The ticket in an answer: JSON from `oauthtoken`, or a SOAP envelope that holds one. */
export function readGivenTicket(body: Uint8Array): GivenTicket | undefined {
  return readTokenAnswer(body) ?? readEnvelope(body)
}

function readTokenAnswer(body: Uint8Array): GivenTicket | undefined {
  try {
    const answer = parseJsonObject(body)
    const ticket = stringMember(answer, 'access_token')
    const seconds = Number(answer.expires_in)
    if (ticket === undefined || !isTicket(ticket)) return undefined
    return { ticket, expiresIn: seconds > 0 && seconds <= ticketLife ? seconds : ticketLife }
  } catch {
    return undefined // no JSON: perhaps a SOAP envelope, perhaps nothing that we understand
  }
}

function readEnvelope(body: Uint8Array): GivenTicket | undefined {
  const tickets = Buffer.from(body)
    .toString('latin1')
    .match(/\bcwt=[A-Za-z0-9+/=_-]{16,16384}/g)
  return tickets?.length === 1 ? { ticket: tickets[0], expiresIn: ticketLife } : undefined
}

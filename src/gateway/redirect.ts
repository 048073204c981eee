import { gatehouseCookie, readCookies, setShortCookie } from '../clients/device-cookie.ts'
import type { Decision } from '../domain/decision.ts'
import type { RequestHead } from '../domain/request-head.ts'
import { sha256 } from '../lib/hash.ts'
import type { Assessment } from './assess.ts'
import type { ClientSide } from './client-side.ts'
import type { Outcome } from './outcome.ts'
import { describeRefusal, refuse, sendRefusal } from './refuse.ts'
import { formatNonce, lifetimes, parseNonce, type ReturnTrip, roundsLimit } from './return-trip.ts'
import { ownPrefix } from './routing.ts'
import { sendAnswer } from './send-answer.ts'

export interface RedirectDependencies {
  readonly trip: ReturnTrip
  readonly isOwnHost: (host: string) => boolean
  readonly newSecret: () => string
}

type Redirecting = Decision & { readonly verdict: 'redirect' }

/** Sends the client to the registration address in its own terms, or tells it to go there where it has no such terms. */
export async function redirect(
  assessment: Assessment,
  client: ClientSide,
  decision: Redirecting,
  deps: RedirectDependencies,
): Promise<Outcome> {
  const { request, route, identification } = assessment
  const { head } = request
  const location = new URL(decision.location)
  // Who is there already and still has to go there is on the wrong network, and would go round in a circle.
  if (location.hostname === head.host) return refuse(assessment, client, 'registration.wrong-network')
  const tripped = identification.navigation && deps.isOwnHost(location.hostname)
  const departure = tripped ? await depart(assessment, location, deps) : undefined
  if (departure === 'loop') return breakLoop(assessment, client)
  const refusal = { ...describeRefusal(decision.reason, head, assessment), help: helpWith(decision) }
  const navigationUrl = departure?.url ?? location.href
  const answer =
    route.protocol.redirect(head, { location, navigationUrl, refusal }) ??
    route.protocol.refuse(head, refusal)
  const cookies = departure === undefined ? [] : [['Set-Cookie', departure.cookie] as const]
  sendAnswer(client, head, { ...answer, headers: [...answer.headers, ...cookies] })
  return { status: answer.status, reason: decision.reason }
}

/** A client that cannot be redirected is told where to go in words. */
function helpWith({ help, location }: Redirecting): string {
  const where = `Registration address: ${location}`
  return help === undefined ? where : `${help} ${where}`
}

/** The page ends the circle; who opens the service again after it has done something, and may begin anew. */
function breakLoop(assessment: Assessment, client: ClientSide): Outcome {
  const { head } = assessment.request
  const headers = (['return', 'voucher'] as const).map((purpose) => {
    const cookie = setShortCookie(gatehouseCookie(purpose, head.scheme), '', 0, head.scheme)
    return ['Set-Cookie', cookie] as const
  })
  return sendRefusal('registration.loop', { head, client, assessment, headers })
}

/** The first step of `return-trip.ts`. `loop` when this browser has been round too often already. */
async function depart(
  { request, facts, decision }: Assessment,
  location: URL,
  { trip, newSecret }: RedirectDependencies,
): Promise<{ readonly url: string; readonly cookie: string } | 'loop'> {
  const { head } = request
  const { nonce, rounds } = nonceOf(head, newSecret)
  if (rounds >= roundsLimit || facts.vouchedNetworks.length > 0) return 'loop'
  const token = await trip.sign('departure', {
    service: facts.service,
    authority: head.authority,
    target: head.target,
    nonceHash: sha256(nonce),
    ...(decision.help !== undefined && { help: decision.help.slice(0, longestHelp) }),
  })
  const name = gatehouseCookie('return', head.scheme)
  return {
    url: `${location.origin}${ownPrefix}/register?departure=${token}`,
    cookie: setShortCookie(name, formatNonce(nonce, rounds + 1), lifetimes.departure, head.scheme),
  }
}

/** It travels in an address, which servers bound. */
const longestHelp = 1000

/** A second tab departs with the same nonce, so that both find their way back. */
function nonceOf(head: RequestHead, newSecret: () => string): { nonce: string; rounds: number } {
  const [cookie, second] = readCookies(head, gatehouseCookie('return', head.scheme))
  return cookie === undefined || second !== undefined ? { nonce: newSecret(), rounds: 0 } : parseNonce(cookie)
}

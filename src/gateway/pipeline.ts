/**
 * The gateway: the way of an exchange from the listener to the upstream and back. Read this file first; each verb is
 * a call into one other file of this folder.
 *
 *   listener ─► route ─► read ─► assess (identify → state → decide) ─► enact ─► record
 *                                                                       forward · register · redirect · refuse
 *
 * Unknown is refused, and every error on the way ends in a refusal: there is no path from a `catch` to a forward.
 */
import type { ClientRequest } from '../clients/protocol.ts'
import type { OwnCertificates } from '../devices/own-certificates.ts'
import type { RequestHead } from '../domain/request-head.ts'
import { throughLink } from './app/pages.ts'
import { type AssessDependencies, type Assessment, assess } from './assess.ts'
import type { ClientSide } from './client-side.ts'
import { type EnactDependencies, enact } from './enact.ts'
import { type FailDependencies, fail } from './fail.ts'
import type { Outcome } from './outcome.ts'
import { type PageDependencies, serveOwnPage } from './own-pages.ts'
import { readSmallBody } from './read-body.ts'
import { sendRefusal } from './refuse.ts'
import { isRevoked, refuseRevoked } from './revoked-certificate.ts'
import type { Route, Routes } from './routing.ts'

export interface Pipeline {
  readonly routes: Routes
  readonly assess: AssessDependencies
  readonly enact: EnactDependencies
  readonly pages: PageDependencies
  readonly fail: FailDependencies
  /** Does an MDM token stand in the request's target? */
  readonly tokenInUrl: (head: RequestHead) => boolean
  readonly certificates: Pick<OwnCertificates, 'ready' | 'isRevoked'>
  readonly record: (exchange: RecordedExchange) => void
}

export interface RecordedExchange {
  readonly head: RequestHead
  readonly client: ClientSide
  readonly assessment: Assessment | undefined
  readonly outcome: Outcome
}

/** Never rejects: the listener has nowhere to put an error. */
export async function handleExchange(
  head: RequestHead,
  client: ClientSide,
  pipeline: Pipeline,
): Promise<void> {
  let assessment: Assessment | undefined
  let outcome: Outcome
  try {
    const { clientCertificate } = head.connection
    const revoked =
      clientCertificate !== undefined && (await isRevoked(clientCertificate, pipeline.certificates))
    // Before anything else looks at the target, let alone writes it down or passes it on.
    const destination = pipeline.tokenInUrl(head)
      ? ({ kind: 'token-in-url' } as const)
      : revoked
        ? ({ kind: 'revoked-certificate' } as const)
        : pipeline.routes.destination(head)
    switch (destination.kind) {
      case 'token-in-url':
        outcome = sendRefusal('token.in-url', { head, client, assessment })
        break
      case 'revoked-certificate':
        outcome = refuseRevoked(head, client, pipeline.routes)
        break
      case 'unknown-host':
        outcome = sendRefusal('host.unknown', { head, client, assessment })
        break
      case 'own-page': {
        const linked = pipeline.pages.app && throughLink(head, destination.route)
        if (linked === undefined) {
          outcome = await serveOwnPage(head, client, destination.route, pipeline.pages)
          break
        }
        const request = await readRequest(linked.head, client, linked.route)
        assessment = await assess({ ...request, bindingTicket: linked.ticket }, linked.route, pipeline.assess)
        outcome = await enact({ assessment, client, onRegistrationHost: false }, pipeline.enact)
        break
      }
      case 'service': {
        const { route, onRegistrationHost } = destination
        const request = await readRequest(head, client, route)
        assessment = await assess(request, route, pipeline.assess)
        outcome = await enact({ assessment, client, onRegistrationHost }, pipeline.enact)
      }
    }
  } catch (error) {
    outcome = fail({ head, client, assessment, error }, pipeline.fail)
  }
  pipeline.record({ head, client, assessment, outcome })
}

/** Streams everything but the few small bodies in which a client protocol names its user or device. */
async function readRequest(head: RequestHead, client: ClientSide, route: Route): Promise<ClientRequest> {
  if (!head.hasBody || !route.protocol.readsBody(head)) return { head }
  return { head, body: await readSmallBody(client) }
}

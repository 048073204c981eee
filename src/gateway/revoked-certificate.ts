import type { OwnCertificates } from '../devices/own-certificates.ts'
import type { ClientCertificate, RequestHead } from '../domain/request-head.ts'
import type { ClientSide } from './client-side.ts'
import type { Outcome } from './outcome.ts'
import { describeRefusal, refusalAnswer } from './refuse.ts'
import type { Routes } from './routing.ts'
import { sendAnswer } from './send-answer.ts'

const reason = 'certificate.revoked'

/** At each request, since a connection outlives a revocation. @throws RecordUnavailable when nobody can tell */
export async function isRevoked(
  certificate: ClientCertificate,
  own: Pick<OwnCertificates, 'ready' | 'isRevoked'>,
): Promise<boolean> {
  const pending = own.ready()
  if (pending !== undefined) await pending
  return own.isRevoked(certificate)
}

/** In the terms of the service's clients, public paths included: who shows a certificate is judged by it. */
export function refuseRevoked(head: RequestHead, client: ClientSide, routes: Routes): Outcome {
  const destination = routes.destination(head)
  const answer =
    destination.kind === 'service'
      ? destination.route.protocol.refuse(head, describeRefusal(reason, head))
      : refusalAnswer(reason, head)
  sendAnswer(client, head, answer)
  return { status: answer.status, reason }
}

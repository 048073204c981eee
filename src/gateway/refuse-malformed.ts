import { problemAnswer } from '../clients/answers/problem.ts'
import type { Answer } from '../domain/answer.ts'
import { reasons } from '../domain/reason.ts'
import type { AccessLog } from '../telemetry/logger.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { ClientSide } from './client-side.ts'
import type { MalformedRequest } from './listener/listener.ts'
import { describeRefusal, endsConnection, refusalAnswer } from './refuse.ts'
import type { Routes } from './routing.ts'
import { sendAnswer } from './send-answer.ts'

/** Answers what never became an exchange: bytes that the parser or the strict rules of `wire/` refused, wrong certificates. */
export function createMalformedHandler(accessLog: AccessLog, metrics: Metrics, routes: Routes) {
  return (refused: MalformedRequest, client: ClientSide | undefined): void => {
    const { id, reason, source, detail, method, host } = refused
    const { status } = reasons[reason]
    const { address, derivedFrom } = source
    accessLog({
      id,
      source: address,
      sourceFrom: derivedFrom,
      method,
      host,
      verdict: 'none',
      reason,
      detail,
      status,
    })
    metrics.exchanges.labels('none', 'none', `${Math.floor(status / 100)}xx`).inc()
    metrics.refusals.labels(reason).inc()
    if (client === undefined) return
    if (endsConnection(reason)) client.connection.closeAfterAnswer()
    sendAnswer(client, { id, method: method ?? 'GET' }, answerTo(refused, routes))
  }
}

/**
 * Bytes that could not be read belong to no client protocol. A certificate is refused in the client's own terms; 421
 * is for its HTTP library, and in other terms would not make it open a new connection.
 */
function answerTo({ id, reason, head }: MalformedRequest, routes: Routes): Answer {
  const { status, sentence } = reasons[reason]
  if (head === undefined) return problemAnswer({ reason, status, sentence, reference: id })
  const destination = routes.destination(head)
  return destination.kind === 'service' && status !== 421
    ? destination.route.protocol.refuse(head, describeRefusal(reason, head))
    : refusalAnswer(reason, head)
}

import { problemAnswer } from '../clients/answers/problem.ts'
import { reasons } from '../domain/reason.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { ClientSide } from './client-side.ts'
import type { MalformedRequest } from './listener/listener.ts'
import { endsConnection, sendAnswer } from './refuse.ts'

/**
 * Answers what never became a request: bytes that the parser or the strict rules of `wire/` refused. It comes before
 * routing, so it knows no client protocol.
 */
export function createMalformedHandler(logger: Logger, metrics: Metrics) {
  return (refused: MalformedRequest, client: ClientSide | undefined): void => {
    const { id, reason, source, detail, method, host } = refused
    const { status, sentence } = reasons[reason]
    logger.info(
      {
        id,
        source: source.address,
        sourceFrom: source.derivedFrom,
        method,
        host,
        verdict: 'none',
        reason,
        detail,
        status,
      },
      'exchange',
    )
    metrics.exchanges.labels('none', 'none', `${Math.floor(status / 100)}xx`).inc()
    metrics.refusals.labels(reason).inc()
    if (client === undefined) return
    if (endsConnection(reason)) client.connection.closeAfterAnswer()
    sendAnswer(
      client,
      { id, method: method ?? 'GET' },
      problemAnswer({ reason, status, sentence, reference: id }),
    )
  }
}

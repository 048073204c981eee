import { problemAnswer } from '../clients/answers/problem.ts'
import { refusalPage } from '../clients/answers/refusal-page.ts'
import { isNavigation } from '../clients/navigation.ts'
import type { Refusal } from '../clients/protocol.ts'
import type { Answer } from '../domain/answer.ts'
import { type ReasonCode, reasons } from '../domain/reason.ts'
import type { RequestHead } from '../domain/request-head.ts'
import type { Assessment } from './assess.ts'
import type { ClientSide } from './client-side.ts'
import { hstsField } from './hsts.ts'
import type { Outcome } from './outcome.ts'
import type { Route } from './routing.ts'

/** Seconds after which a client may try again, for reasons that pass by themselves. */
const retryAfter: Partial<Record<ReasonCode, number>> = {
  'state.unavailable': 30,
  'registration.failed': 60,
  'gateway.draining': 5,
  'gateway.failure': 30,
  'limit.connections': 10,
  'limit.approvals': 300,
  'upstream.unreachable': 10,
}

export function describeRefusal(reason: ReasonCode, head: RequestHead, assessment?: Assessment): Refusal {
  const { status, sentence } = reasons[reason]
  const seconds = retryAfter[reason]
  return {
    reason,
    status,
    sentence,
    reference: head.id,
    ...(seconds !== undefined && { retryAfter: seconds }),
    ...(assessment?.decision.help !== undefined && { help: assessment.decision.help }),
    ...(assessment !== undefined && {
      identification: assessment.identification,
      decision: assessment.decision,
    }),
  }
}

/** The refusal in the terms of the client's protocol; before one is known, a page for people and a problem for programs. */
export function refusalAnswer(reason: ReasonCode, head: RequestHead, assessment?: Assessment): Answer {
  const refusal = describeRefusal(reason, head, assessment)
  if (assessment !== undefined) return refuseInTerms(head, refusal, assessment.route)
  return isNavigation(head) ? refusalPage(refusal) : problemAnswer(refusal)
}

function refuseInTerms(head: RequestHead, refusal: Refusal, { protocol, service }: Route): Answer {
  const answer = protocol.refuse(head, refusal)
  const hsts = hstsField(head, service)
  return hsts === undefined ? answer : { ...answer, headers: [...answer.headers, hsts] }
}

/** Sends an answer of the gateway's own. Nothing of it may be kept by anybody (RFC 9111): it holds for this moment. */
export function sendAnswer(
  client: ClientSide,
  head: Pick<RequestHead, 'id' | 'method'>,
  answer: Answer,
): void {
  const body = typeof answer.body === 'string' ? Buffer.from(answer.body) : answer.body
  const headers = answer.headers.flat()
  if (!answer.headers.some(([name]) => name.toLowerCase() === 'cache-control'))
    headers.push('Cache-Control', 'no-store')
  if (answer.status !== 204) headers.push('Content-Length', String(body.byteLength))
  headers.push('Gatehouse-Request', head.id)
  client.sendHead(answer.status, headers)
  if (body.byteLength > 0 && head.method !== 'HEAD') client.write(body)
  client.end()
}

/** After an error of syntax or size nobody knows where the next request begins (RFC 9112 9.3): the connection ends. */
export function endsConnection(reason: ReasonCode): boolean {
  return reason.startsWith('http.') || reason.startsWith('limit.') || reason === 'gateway.draining'
}

/** Refuses a request that has been assessed, in its client's terms. */
export function refuse(assessment: Assessment, client: ClientSide, reason: ReasonCode): Outcome {
  return sendRefusal(reason, { head: assessment.request.head, client, assessment })
}

export interface Refused {
  readonly head: RequestHead
  readonly client: ClientSide
  /** Undefined before the request was assessed. */
  readonly assessment: Assessment | undefined
}

export function sendRefusal(reason: ReasonCode, { head, client, assessment }: Refused): Outcome {
  const answer = refusalAnswer(reason, head, assessment)
  if (endsConnection(reason)) client.connection.closeAfterAnswer()
  sendAnswer(client, head, answer)
  return { status: answer.status, reason }
}

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
import { sendAnswer } from './send-answer.ts'

/** Seconds after which a client may try again, for reasons that pass by themselves. */
const retryAfter: Partial<Record<ReasonCode, number>> = {
  'state.unavailable': 30,
  'registration.failed': 60,
  'gateway.draining': 5,
  'gateway.failure': 30,
  'token.too-many': 60,
  'limit.connections': 10,
  'limit.approvals': 300,
  'app.rate-limited': 60,
  'app.nonces-unavailable': 30,
  'app.vendor-unavailable': 120,
  'upstream.unreachable': 10,
}

export function describeRefusal(reason: ReasonCode, head: RequestHead, assessment?: Assessment): Refusal {
  const { status, sentence } = reasons[reason]
  const seconds = retryAfter[reason]
  return {
    reason,
    status,
    sentence: [sentence, ...vendorSentence(reason, assessment)].join(' '),
    reference: head.id,
    ...(seconds !== undefined && { retryAfter: seconds }),
    ...(assessment?.decision.help !== undefined && { help: assessment.decision.help }),
    ...(assessment !== undefined && {
      identification: assessment.identification,
      decision: assessment.decision,
    }),
  }
}

const longestReason = 300

/**
 * What the MDM finds wrong, in its own words: who is told can mend it. Not to whoever merely claims to be a device, nor where
 * nobody can tell which of several it is.
 */
function vendorSentence(reason: ReasonCode, assessment: Assessment | undefined): readonly string[] {
  const { posture, registration } = assessment?.state ?? {}
  if (reason !== 'device.noncompliant' || posture?.reason === undefined) return []
  if (registration?.binding === 'claimed' || posture.match === 'ambiguous') return []
  return [
    `Your organisation’s device management says: ${posture.reason.slice(0, longestReason).replace(/\.$/, '')}.`,
  ]
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
  /** Added to the answer: a cookie to be recognised by. */
  readonly headers?: Answer['headers']
}

export function sendRefusal(
  reason: ReasonCode,
  { head, client, assessment, headers = [] }: Refused,
): Outcome {
  const answer = refusalAnswer(reason, head, assessment)
  if (endsConnection(reason)) client.connection.closeAfterAnswer()
  sendAnswer(client, head, { ...answer, headers: [...answer.headers, ...headers] })
  return { status: answer.status, reason }
}

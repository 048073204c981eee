import type { Answer } from '../../domain/answer.ts'
import type { Refusal } from '../protocol.ts'
import { retryHeader } from './refusal-page.ts'
import { wordsFor } from './words.ts'

/** The refusal as a problem document (RFC 9457), for programs. */
export function problemAnswer(refusal: Refusal, headers: Answer['headers'] = []): Answer {
  return {
    status: refusal.status,
    headers: [
      ['Content-Type', 'application/problem+json'],
      ['X-Content-Type-Options', 'nosniff'],
      ['Cache-Control', 'no-store'],
      ...retryHeader(refusal),
      ...headers,
    ],
    body: `${JSON.stringify(problemDocument(refusal))}\n`,
  }
}

function problemDocument({ reason, status, sentence, reference, help, statusPage }: Refusal) {
  return {
    type: `urn:gatehouse:reason:${reason}`,
    title: wordsFor(reason).title,
    status,
    detail: sentence,
    instance: `urn:gatehouse:reference:${reference}`,
    reason,
    reference,
    ...(help !== undefined && { help }),
    ...(statusPage !== undefined && { statusPage }),
  }
}

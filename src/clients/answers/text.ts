import type { Answer } from '../../domain/answer.ts'
import type { Refusal } from '../protocol.ts'

/** The refusal in a few words: what happened, what to do, the reference. For programs that show text or nothing. */
export function refusalText({ sentence, help, reference }: Refusal): string {
  return [sentence, help, `Reference: ${reference}`].filter((part) => part !== undefined).join(' ')
}

export function textAnswer(status: number, refusal: Refusal, headers: Answer['headers'] = []): Answer {
  return {
    status,
    headers: [
      ['Content-Type', 'text/plain; charset=utf-8'],
      ['X-Content-Type-Options', 'nosniff'],
      ['Cache-Control', 'no-store'],
      ...headers,
    ],
    body: `${refusalText(refusal)}\n`,
  }
}

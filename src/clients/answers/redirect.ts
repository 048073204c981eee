import type { Answer } from '../../domain/answer.ts'

/** Sends a browser elsewhere. 302 so that nobody keeps it; only for navigations that carry nothing. */
export function redirectTo(address: string): Answer {
  return {
    status: 302,
    headers: [
      ['Location', address],
      ['Cache-Control', 'no-store'],
    ],
    body: '',
  }
}

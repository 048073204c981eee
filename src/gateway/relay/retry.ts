/**
 * What may be sent a second time (RFC 9110 9.2.2): a request of which the upstream has seen nothing, or one that is
 * idempotent and came to nothing before a byte of the answer. A body that is being read cannot be read again.
 */
export interface Attempt {
  readonly method: string
  readonly hasBody: boolean
  /** Its first byte went to the upstream (or may have). */
  readonly sent: boolean
  /** A byte of an answer came back. */
  readonly answered: boolean
}

const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])

export function mayRetry(attempt: Attempt): boolean {
  if (attempt.answered) return false
  if (!attempt.sent) return true
  return !attempt.hasBody && idempotent.has(attempt.method)
}

/** Why the record does not answer. Stable: they stand in logs and metrics. */
export type RecordErrorCode =
  | 'locked'
  | 'full'
  | 'read-only'
  | 'io'
  | 'corrupt'
  | 'cannot-open'
  | 'newer-version'
  | 'migration'
  | 'constraint'
  | 'closed'
  /** The database server cannot be reached, or went away meanwhile. */
  | 'unreachable'
  /** No answer in time. */
  | 'timeout'
  /** Too much is under way already, or calls are not tried at the moment: nothing was asked. */
  | 'busy'
  | 'credentials'
  /** The database server's certificate, or that it has none. */
  | 'tls'
  | 'no-database'
  /** The database user lacks a right. */
  | 'not-allowed'
  | 'older-server'
  /** A transaction that stood in another's way; trying again helps. */
  | 'conflict'
  /** A value that the database cannot hold. */
  | 'invalid'
  | 'failed'

/**
 * The record could not answer or could not take a write. Nothing of a write that failed so is kept, with one exception:
 * when a database server goes away, or time runs out, in the very moment of the commit, nobody can tell. Then it was
 * kept whole or not at all, and nobody has been told that it was.
 */
export class RecordUnavailable extends Error {
  readonly code: RecordErrorCode

  constructor(code: RecordErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'RecordUnavailable'
    this.code = code
  }
}

/** What says nothing of the record as a whole: a single value or row, or a conflict that was resolved. */
const ofOneCall: ReadonlySet<RecordErrorCode> = new Set(['constraint', 'conflict', 'corrupt', 'invalid'])

/** Would any other call have failed as well? Then its condition tells, once, what each call need not. */
export function isRecordAway(error: unknown): error is RecordUnavailable {
  return error instanceof RecordUnavailable && !ofOneCall.has(error.code)
}

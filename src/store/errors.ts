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
  | 'failed'

/** The record could not answer or could not take a write. Nothing of a write that failed so is kept. */
export class RecordUnavailable extends Error {
  readonly code: RecordErrorCode

  constructor(code: RecordErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'RecordUnavailable'
    this.code = code
  }
}

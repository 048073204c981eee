import { StateUnavailable } from '../devices/device-states.ts'
import { isRecordAway } from '../store/errors.ts'
import type { Logger } from '../telemetry/logger.ts'

/**
 * A line for what has failed. While the record is away, that is a condition, which is told once; what fails by it for each
 * request, each second and each process is for those who look closely.
 */
export function failureReporter(
  logger: Logger,
  level: 'warn' | 'error',
): (error: unknown, message: string, fields?: object) => void {
  return (error, message, fields = {}) =>
    logger[isOfTheRecord(error) ? 'debug' : level]({ ...fields, err: error }, message)
}

function isOfTheRecord(error: unknown): boolean {
  return isRecordAway(error) || (error instanceof StateUnavailable && isRecordAway(error.cause))
}

/**
 * What operators see: logs, metrics, health. Log lines are JSON (pino) on standard output, one access line a request.
 * Secrets do not get here: lines are built from named values, never from headers, bodies or settings as a whole; the
 * redaction below is the second lock.
 */
import pino from 'pino'

export type Logger = pino.Logger

export interface LoggerOptions {
  readonly level: string
  /** File descriptor or path; standard output when undefined. */
  readonly destination?: string | number
}

export interface OpenLogger {
  readonly logger: Logger
  /**
   * For access lines alone, which hold nothing but the fields of a fixed table: redaction has nothing to find there, and
   * would cost as much as the rest of the line.
   */
  readonly accessLogger: Logger
  /** Writes out what is buffered. */
  close(): void
}

export function openLogger({ level, destination = 1 }: LoggerOptions): OpenLogger {
  // Lines are buffered for at most a second: a write for each request would cost more than deciding it.
  const stream = pino.destination({ dest: destination, sync: false, minLength: 8_192, periodicFlush: 1_000 })
  const form = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  const redact = {
    paths: ['authorization', 'cookie', '*.authorization', '*.cookie', '*.password', '*.secret'],
    censor: '[redacted]',
  }
  return {
    logger: pino({ ...form, redact }, stream),
    accessLogger: pino(form, stream),
    close() {
      try {
        stream.flushSync()
      } catch {
        // The stream was never opened or is gone: nothing is left to write.
      }
    },
  }
}

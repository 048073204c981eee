/**
 * What operators see: logs, metrics, health. Log lines are JSON (pino) on standard output, one access line a request.
 * Secrets do not get here: lines are built from named values, never from headers, bodies or settings as a whole; the
 * redaction below is the second lock.
 */
import pino from 'pino'
import { LineSink } from './line-sink.ts'

export type Logger = pino.Logger

export interface LoggerOptions {
  readonly level: string
  /** File descriptor or path; standard output when undefined. */
  readonly destination?: string | number
  readonly now: () => number
  /** Called when the log cannot be written any more, and when it can again. */
  readonly onCondition?: (ok: boolean, detail?: string) => void
}

export interface OpenLogger {
  readonly logger: Logger
  readonly accessLog: AccessLog
  /** Writes out what is buffered. */
  close(): void
}

/** Takes the fields of an access line; undefined ones are left out. */
export type AccessLog = (fields: Readonly<Record<string, string | number | boolean | undefined>>) => void

export function openLogger({ level, destination = 1, now, onCondition }: LoggerOptions): OpenLogger {
  const stream = pino.destination({
    ...{ dest: destination, sync: false, minLength: 8_192, periodicFlush: 1_000 },
    maxLength: mostKept,
  })
  surviveFailure(stream, onCondition)
  const sink = new LineSink(stream)
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: ['authorization', 'cookie', '*.authorization', '*.cookie', '*.password', '*.secret'],
        censor: '[redacted]',
      },
    },
    sink,
  )
  return {
    logger,
    accessLog: logger.isLevelEnabled('info') ? accessLogTo(sink, now) : () => {},
    close() {
      try {
        sink.flush()
        stream.flushSync()
      } catch {
        // The stream was never opened or is gone: nothing is left to write.
      }
    },
  }
}

/** Bytes of lines that wait to be written; what does not fit is lost. */
const mostKept = 8 * 1024 * 1024

/**
 * A full disk must not end the gateway. The stream tries again with what comes next; only its last flush would try
 * for ever, so that the process could not end.
 */
function surviveFailure(
  stream: ReturnType<typeof pino.destination>,
  onCondition: LoggerOptions['onCondition'],
): void {
  const flushSync = stream.flushSync.bind(stream)
  let failing = false
  stream.on('error', (error: NodeJS.ErrnoException) => {
    stream.flushSync = () => {}
    if (!failing) onCondition?.(false, `the log cannot be written: ${error.code ?? error.message}`)
    failing = true
  })
  stream.on('write', () => {
    if (!failing) return
    failing = false
    stream.flushSync = flushSync
    onCondition?.(true)
  })
}

/**
 * The same form as pino's lines, without its way through bindings, serializers and redaction: an access line holds
 * nothing but the values of a fixed table, and there is one for each request.
 */
function accessLogTo(sink: LineSink, now: () => number): AccessLog {
  return (fields) => {
    const rest = JSON.stringify(fields)
    sink.write(
      `{"level":"info","time":"${new Date(now()).toISOString()}",${rest.slice(1, -1)},"msg":"exchange"}\n`,
    )
  }
}

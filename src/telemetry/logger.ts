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
  close(): Promise<void>
}

/** Takes the fields of an access line; undefined ones are left out. */
export type AccessLog = (fields: Readonly<Record<string, string | number | boolean | undefined>>) => void

export function openLogger({ level, destination = 1, now, onCondition }: LoggerOptions): OpenLogger {
  const sink = new LineSink({ destination, onCondition })
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
    close: () => sink.close(),
  }
}

/**
 * The same form as pino's lines, without its way through bindings, serializers and redaction: an access line holds
 * nothing but the values of a fixed table, and there is one for each request.
 */
function accessLogTo(sink: LineSink, now: () => number): AccessLog {
  const time = rememberedTime()
  return (fields) => {
    const rest = JSON.stringify(fields)
    sink.write(`{"level":"info","time":"${time(now())}",${rest.slice(1, -1)},"msg":"exchange"}\n`)
  }
}

/** RFC 3339 in UTC. Many lines are written within a millisecond. */
function rememberedTime(): (at: number) => string {
  let last = Number.NaN
  let text = ''
  return (at) => {
    if (at !== last) {
      text = new Date(at).toISOString()
      last = at
    }
    return text
  }
}

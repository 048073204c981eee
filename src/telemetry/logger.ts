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
  /** Number or name of the process among several: the field `process` of its lines. */
  readonly process?: number | string
  /** Called when the log cannot be written any more, and when it can again. */
  readonly onCondition?: (ok: boolean, detail?: string) => void
}

export interface OpenLogger {
  readonly logger: Logger
  readonly accessLog: AccessLog
  /** Writes lines of another process between its own; they are whole, and not to be changed afterwards. */
  readonly pass: (lines: Buffer) => void
  /** Writes out what is buffered. */
  close(): Promise<void>
}

/** Takes the fields of an access line; undefined ones are left out. */
export type AccessLog = (fields: Readonly<Record<string, string | number | boolean | undefined>>) => void

export function openLogger(options: LoggerOptions): OpenLogger {
  const { level, destination = 1, now, onCondition, process } = options
  const sink = new LineSink({ destination, onCondition })
  const logger = pino(
    {
      level,
      base: process === undefined ? null : { process },
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
    accessLog: logger.isLevelEnabled('info') ? accessLogTo(sink, now, process) : () => {},
    pass: (lines) => sink.pass(lines),
    close: () => sink.close(),
  }
}

/**
 * The same form as pino's lines, without its way through bindings, serializers and redaction: an access line holds
 * nothing but the values of a fixed table, and there is one for each request.
 */
function accessLogTo(sink: LineSink, now: () => number, process: number | string | undefined): AccessLog {
  const time = rememberedTime()
  const who = process === undefined ? '' : `"process":${JSON.stringify(process)},`
  return (fields) => {
    const rest = JSON.stringify(fields)
    sink.write(`{"level":"info","time":"${time(now())}",${who}${rest.slice(1, -1)},"msg":"exchange"}\n`)
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

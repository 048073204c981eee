/**
 * What `gatehouse doctor` looks at: one file a check, each of which only reads. A finding says what is so, and where it is
 * not good, what to do about it.
 */
import type { Settings } from '../../settings/settings.ts'

export interface Finding {
  readonly level: 'ok' | 'warn' | 'fail'
  /** What was looked at: a file, a service, the clock. */
  readonly about: string
  readonly message: string
  /** What to do; for `warn` and `fail`. */
  readonly advice?: string
}

export interface DoctorContext {
  readonly settings: Settings
  readonly now: () => number
  /** Whether other machines may be asked. */
  readonly network: boolean
}

export type Check = (context: DoctorContext) => Finding[] | Promise<Finding[]>

export function ok(about: string, message: string): Finding {
  return { level: 'ok', about, message }
}

export function warn(about: string, message: string, advice: string): Finding {
  return { level: 'warn', about, message, advice }
}

export function fail(about: string, message: string, advice: string): Finding {
  return { level: 'fail', about, message, advice }
}

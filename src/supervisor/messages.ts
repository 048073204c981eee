/** What the supervisor and its workers tell each other. Plain values: they travel as JSON. */
import type { Answer, Question } from '../shared-state/asked.ts'
import type { HealthReport } from '../telemetry/health.ts'
import type { MetricSnapshot } from '../telemetry/metrics-of-the-whole.ts'
import type { StartFailure } from './start-failure.ts'

/** `gateway` carries exchanges; `jobs` does what goes on beside them, each under a lease. */
export type WorkerKind = 'gateway' | 'jobs'

export type ToWorker =
  | { readonly type: 'start'; readonly seat: Seat }
  | { readonly type: 'reload' }
  | { readonly type: 'drain' }
  | { readonly type: 'notice' }
  | { readonly type: 'measure'; readonly request: number }
  | { readonly type: 'answer'; readonly request: number; readonly answer: Answer }

/** What a worker is to be. */
export interface Seat {
  readonly kind: WorkerKind
  /** Its number among the gateway processes, or `jobs`: the field `process` of its log lines. */
  readonly process: number | string
  /** Speaks for all in the audit log: one start, one policy, one stop, however many processes there are. */
  readonly speaks: boolean
  /** It is the first in its place; a replacement did not start the gateway. */
  readonly first: boolean
  /** The settings as they were read when the gateway was started, so that a replacement is like the others. */
  readonly settings: { readonly file: string; readonly text: string }
}

export type FromWorker =
  /** Ready to be told what to be. */
  | { readonly type: 'hello' }
  | { readonly type: 'ready'; readonly listeners: readonly string[] }
  | { readonly type: 'failed'; readonly failure: StartFailure }
  | { readonly type: 'beat' }
  | { readonly type: 'health'; readonly report: HealthReport }
  | { readonly type: 'metrics'; readonly metrics: readonly MetricSnapshot[]; readonly request?: number }
  | { readonly type: 'notice' }
  /** Of what the supervisor remembers for all: nonces and counters. */
  | { readonly type: 'ask'; readonly request: number; readonly question: Question }

/** Milliseconds between two signs of life of a worker, which also bring its metrics. */
export const beatEvery = 1_000

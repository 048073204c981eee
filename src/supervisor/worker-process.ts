import type { Worker } from 'node:cluster'
import type { Answer, Question } from '../shared-state/asked.ts'
import type { HealthReport } from '../telemetry/health.ts'
import type { MetricSnapshot } from '../telemetry/metrics-of-the-whole.ts'
import type { FromWorker, Seat, ToWorker } from './messages.ts'
import { passLines } from './pass-lines.ts'
import type { StartFailure } from './start-failure.ts'

export interface WorkerEvents {
  readonly onLines: (lines: Buffer) => void
  readonly onReady: (worker: WorkerProcess) => void
  readonly onFailed: (worker: WorkerProcess, failure: StartFailure) => void
  readonly onHealth: () => void
  readonly onNotice: (from: WorkerProcess) => void
  readonly onQuestion: (question: Question) => Promise<Answer>
  readonly onEnd: (worker: WorkerProcess, code: number | null, signal: NodeJS.Signals | null) => void
}

/** A worker as the supervisor sees it: what it has told last, and whether it still tells anything. */
export class WorkerProcess {
  readonly seat: Seat
  readonly startedAt = performance.now()
  report: HealthReport | undefined
  metrics: readonly MetricSnapshot[] = []
  /** Undefined until it listens. */
  listeners: readonly string[] | undefined
  ended = false
  hung = false
  readonly #worker: Worker
  readonly #events: WorkerEvents
  #silentFor = 0
  #lastRequest = 0
  readonly #measuring = new Map<number, () => void>()

  constructor(worker: Worker, seat: Seat, events: WorkerEvents) {
    this.seat = seat
    this.#worker = worker
    this.#events = events
    const { process } = worker
    // One that could not be forked has none, whatever its type says; its `close` follows.
    if (process.stdout) passLines(process.stdout, events.onLines)
    worker.on('message', (message: FromWorker) => this.#hear(message))
    // A pipe that breaks here belongs to a worker that is about to end.
    worker.on('error', () => {})
    // Not `exit`: what it has written before stands in the log first.
    process.once('close', (code, signal) => this.#end(code, signal))
  }

  get pid(): number {
    return this.#worker.process.pid ?? 0
  }

  get serves(): boolean {
    return this.listeners !== undefined && !this.ended && !this.hung
  }

  send(message: ToWorker): void {
    if (!this.ended && this.#worker.isConnected()) this.#worker.send(message, () => {})
  }

  /** Called once in the time of a beat. @returns for how many beats it has been silent */
  tick(): number {
    return this.#silentFor++
  }

  kill(signal: NodeJS.Signals): void {
    this.#worker.process.kill(signal)
  }

  /** Resolves when its metrics are new, or when it takes too long to answer. */
  measure(within: number): Promise<void> {
    const request = ++this.#lastRequest
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer)
        this.#measuring.delete(request)
        resolve()
      }
      const timer = setTimeout(done, within)
      this.#measuring.set(request, done)
      this.send({ type: 'measure', request })
    })
  }

  #hear(message: FromWorker): void {
    this.#silentFor = 0
    switch (message.type) {
      case 'hello':
        this.send({ type: 'start', seat: this.seat })
        break
      case 'ready':
        this.listeners = message.listeners
        this.#events.onReady(this)
        break
      case 'failed':
        this.#events.onFailed(this, message.failure)
        break
      case 'health':
        this.report = message.report
        this.#events.onHealth()
        break
      case 'metrics':
        this.metrics = message.metrics
        if (message.request !== undefined) this.#measuring.get(message.request)?.()
        break
      case 'notice':
        this.#events.onNotice(this)
        break
      case 'ask':
        void this.#answer(message.request, message.question)
        break
      case 'beat':
        break
    }
  }

  async #answer(request: number, question: Question): Promise<void> {
    this.send({ type: 'answer', request, answer: await this.#events.onQuestion(question) })
  }

  #end(code: number | null, signal: NodeJS.Signals | null): void {
    this.ended = true
    for (const done of [...this.#measuring.values()]) done()
    this.#events.onEnd(this, code, signal)
  }
}

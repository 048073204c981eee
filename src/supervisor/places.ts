import type { Worker } from 'node:cluster'
import type { Answer, Question } from '../shared-state/asked.ts'
import { BackOff } from './back-off.ts'
import { beatEvery, type Seat, type WorkerKind } from './messages.ts'
import { describeFailure, type StartFailure, WorkerFailed } from './start-failure.ts'
import { WorkerProcess } from './worker-process.ts'

export interface PlacesOptions {
  readonly fork: (kind: WorkerKind) => Worker
  readonly settings: Seat['settings']
  readonly gateways: number
  /** Milliseconds without a sign of life after which a worker that serves is ended and replaced. */
  readonly hungAfter: number
  readonly onLines: (lines: Buffer) => void
  readonly onReady: (worker: WorkerProcess) => void
  /** Anything has changed that readiness depends on. */
  readonly onChange: () => void
  readonly onNotice: (from: WorkerProcess) => void
  readonly onQuestion: (question: Question) => Promise<Answer>
  /** A replacement cannot start, or cannot even be forked (its `pid` is 0); it is tried again. */
  readonly onFailed: (worker: Pick<WorkerProcess, 'seat' | 'pid'>, failure: StartFailure) => void
  /** A worker has ended that was not told to. */
  readonly onLost: (worker: WorkerProcess, how: Lost) => void
  readonly onEnd: (worker: WorkerProcess) => void
}

export interface Lost {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly cause: 'ended' | 'hung'
  /** Milliseconds until it is replaced. */
  readonly replacedIn: number
}

/** A worker that is not there yet may be busy for long: a record of a million rows that is migrated. */
const startingAfter = 600_000
/** Milliseconds beyond its own time to drain after which a worker is ended. */
const grace = 10_000

/** The places that are to be filled with workers: one for each gateway process, and one for jobs. */
export class Places {
  readonly #options: PlacesOptions
  readonly #places: readonly Place[]
  readonly #gone = new Set<() => void>()
  #ticking: NodeJS.Timeout | undefined
  #stopping = false
  #first: PromiseWithResolvers<readonly string[]> | undefined

  constructor(options: PlacesOptions) {
    this.#options = options
    const gateways = Array.from({ length: options.gateways }, (_, index) => place('gateway', index + 1))
    this.#places = [...gateways, place('jobs', 'jobs')]
  }

  /**
   * The first gateway process alone, so that a mistake is told once and the record migrated once; then the others.
   * @returns where it listens
   * @throws WorkerFailed when it cannot start
   */
  async start(): Promise<readonly string[]> {
    const [first, ...others] = this.#places
    this.#first = Promise.withResolvers()
    this.#ticking = setInterval(() => this.#tick(), beatEvery)
    if (first !== undefined) this.#fill(first)
    const listeners = await this.#first.promise
    this.#first = undefined
    if (!this.#stopping) for (const other of others) this.#fill(other)
    return listeners
  }

  /** Those that are there now. */
  get workers(): readonly WorkerProcess[] {
    return this.#places.flatMap(({ worker }) => worker ?? [])
  }

  /** One for each place of a gateway process, filled or not. */
  get gateways(): readonly (WorkerProcess | undefined)[] {
    return this.#places.filter(({ kind }) => kind === 'gateway').map(({ worker }) => worker)
  }

  /** What goes on beside the exchanges. */
  get jobs(): WorkerProcess | undefined {
    return this.#places.find(({ kind }) => kind === 'jobs')?.worker
  }

  /** Lets all end what is open for so many milliseconds. */
  async stop(drainFor: number): Promise<void> {
    this.#stopping = true
    for (const { timer } of this.#places) clearTimeout(timer)
    for (const worker of this.workers) worker.send({ type: 'drain' })
    const end = setTimeout(() => {
      for (const worker of this.workers) worker.kill('SIGKILL')
    }, drainFor + grace)
    if (this.workers.length > 0) await new Promise<void>((resolve) => this.#gone.add(resolve))
    clearTimeout(end)
    clearInterval(this.#ticking)
  }

  #fill(place: Place): void {
    const { kind, process, first } = place
    const { fork, settings, onLines, onChange, onNotice, onQuestion } = this.#options
    const seat = { kind, process, first, speaks: process === 1, settings }
    place.first = false
    let forked: Worker
    try {
      forked = fork(kind)
    } catch (error) {
      this.#notForked(place, seat, error)
      return
    }
    place.worker = new WorkerProcess(forked, seat, {
      onLines,
      onHealth: onChange,
      onNotice,
      onQuestion,
      onReady: (worker) => {
        this.#first?.resolve(worker.listeners ?? [])
        this.#options.onReady(worker)
        onChange()
      },
      onFailed: (worker, failure) => this.#failed(worker, failure),
      onEnd: (worker, code, signal) => this.#ended(place, worker, { code, signal }),
    })
  }

  /** The machine has no memory for another process, say: that passes, and must not end those that there are. */
  #notForked(place: Place, seat: Seat, error: unknown): void {
    this.#failed({ seat, pid: 0 }, describeFailure(error))
    if (!this.#stopping) place.timer = setTimeout(() => this.#fill(place), place.backOff.next(0))
  }

  #failed(worker: Pick<WorkerProcess, 'seat' | 'pid'>, failure: StartFailure): void {
    if (this.#first === undefined) this.#options.onFailed(worker, failure)
    else this.#first.reject(new WorkerFailed(failure))
  }

  #ended(place: Place, worker: WorkerProcess, how: Pick<Lost, 'code' | 'signal'>): void {
    const { onEnd, onLost, onChange } = this.#options
    place.worker = undefined
    onEnd(worker)
    if (this.#first !== undefined) {
      const message = `the first gateway process has ended (${how.signal ?? how.code}) before it was ready`
      this.#first.reject(new WorkerFailed({ name: 'Error', message }))
    } else if (!this.#stopping) {
      const replacedIn = place.backOff.next(performance.now() - worker.startedAt)
      onLost(worker, { ...how, cause: worker.hung ? 'hung' : 'ended', replacedIn })
      place.timer = setTimeout(() => this.#fill(place), replacedIn)
    }
    if (this.workers.length === 0) for (const gone of this.#gone) gone()
    onChange()
  }

  /** Counted in turns of our own timer: when the whole machine stood still, nobody has been silent. */
  #tick(): void {
    for (const worker of this.workers) {
      const silentFor = worker.tick() * beatEvery
      const limit = worker.listeners === undefined ? startingAfter : this.#options.hungAfter
      if (silentFor < limit) continue
      worker.hung = true
      worker.kill('SIGKILL')
    }
  }
}

interface Place {
  readonly kind: WorkerKind
  readonly process: number | string
  readonly backOff: BackOff
  worker: WorkerProcess | undefined
  timer: NodeJS.Timeout | undefined
  first: boolean
}

function place(kind: WorkerKind, process: number | string): Place {
  return { kind, process, backOff: new BackOff(), worker: undefined, timer: undefined, first: true }
}

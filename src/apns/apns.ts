/**
 * APNs: waking enrolled devices by push. A push says "come" and nothing else; what the device is to do waits in the
 * record, and so do the pushes themselves (`push_outbox`), so that none is lost with a process. One worker of the
 * installation runs, under a lease. `answers.ts` is Apple's table of answers, `connections.ts` the few long-lived HTTP/2
 * connections, `schedule.ts` when a push is made again.
 *
 * This file: the worker.
 */
import type {
  Enrollments,
  PushOutbox,
  PushResult,
  PushTarget,
  WantedPush,
} from '../store/enrollment-ports.ts'
import { type PushAnswer, textOf, type Verdict, verdictOf } from './answers.ts'
import { NoAnswer } from './connection.ts'
import { Connections, type ConnectionsOptions } from './connections.ts'
import type { PushCertificate } from './push-certificate.ts'
import { afterAccepted, afterFailure, mostAccepted, storedFor } from './schedule.ts'

export interface PushWorkerOptions extends Omit<ConnectionsOptions, 'onGoaway'> {
  readonly certificate: PushCertificate
  readonly outbox: Pick<PushOutbox, 'due' | 'nextDue' | 'took'>
  readonly enrollments: Pick<Enrollments, 'pushTarget' | 'retireToken'>
  readonly now: () => number
  /** A UUID in lower case. */
  readonly newId: () => string
  readonly onPush: (event: PushEvent) => void
  /** Pushing has stopped for everybody, and why; or goes on. */
  readonly onCondition: (ok: boolean, detail?: string) => void
  readonly onError: (error: unknown) => void
}

export interface PushEvent {
  readonly enrollment: string
  readonly id: string
  /** `200`, status and reason, or why there was no answer. */
  readonly answer: string
  readonly verdict: Verdict | 'no-answer'
}

/** So many pushes are under way at a time. */
const atOnce = 500
/** Milliseconds between two looks when nothing is due, and nobody has announced anything. */
const lookEvery = 60_000
/** After a fault that is everybody's, one push tries again after this. */
const probeAfter = 30 * 60_000
/** So many answers in a row that each say "not this token", and none that says otherwise, are about us. */
const suspicious = 10

interface Tried {
  readonly push: WantedPush
  readonly target: PushTarget
  readonly id: string
  readonly answer: PushAnswer | NoAnswer
}

export class PushWorker {
  readonly #options: PushWorkerOptions
  readonly #connections: Connections
  #certificate: PushCertificate
  #wake: (() => void) | undefined
  /** Pushing waits until then: the fault is everybody's. */
  #stoppedUntil = 0
  #goaway: string | undefined

  constructor(options: PushWorkerOptions) {
    this.#options = options
    this.#certificate = options.certificate
    this.#connections = new Connections(options.certificate, {
      ...options,
      onGoaway: (reason) => {
        this.#goaway = reason
      },
    })
  }

  /** A push was wanted: looks at once. */
  poke(): void {
    this.#wake?.()
  }

  /** @throws RangeError when it is for another topic: enrolled devices would not answer to it */
  use(certificate: PushCertificate): void {
    if (certificate.topic !== this.#certificate.topic)
      throw new RangeError(
        `the new certificate is for ${certificate.topic}, not for ${this.#certificate.topic}`,
      )
    this.#certificate = certificate
    this.#connections.use(certificate)
    this.#stoppedUntil = 0
    this.poke()
  }

  /** Until the signal is aborted; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = () => this.#connections.close()
    signal.addEventListener('abort', stop, { once: true })
    while (!signal.aborted) {
      const pause = await this.#turn().catch((error: unknown) => {
        this.#options.onError(error)
        return 5_000
      })
      if (pause > 0) await this.#rest(pause, signal)
    }
  }

  /** @returns milliseconds until the next turn */
  async #turn(): Promise<number> {
    const { outbox, now } = this.#options
    const at = now()
    if (at < this.#stoppedUntil) return this.#stoppedUntil - at
    const due = await outbox.due(at, this.#stoppedUntil === 0 ? atOnce : 1)
    if (due.length === 0)
      return Math.min(Math.max(((await outbox.nextDue()) ?? Infinity) - at, 50), lookEvery)
    const tried = await Promise.all(due.map((push) => this.#push(push)))
    const sent = tried.filter((one) => one !== undefined)
    const stopped = this.#everybodysFault(sent)
    if (stopped === undefined && sent.some(({ answer }) => isAccepted(answer))) this.#goOn()
    const results = await Promise.all(sent.map((one) => this.#judge(one, stopped !== undefined)))
    // A device without a token is not pushed for: it brings a new one when it comes by itself.
    const without = due
      .filter((_, index) => tried[index] === undefined)
      .map((push): PushResult => ({ push, answer: 'no token', next: undefined }))
    await outbox.took([...results, ...without])
    return 0
  }

  async #push(push: WantedPush): Promise<Tried | undefined> {
    const target = await this.#options.enrollments.pushTarget(push.enrollment)
    if (target === undefined) return undefined
    const { newId, now } = this.#options
    const id = newId()
    const { token, magic } = target
    const expiration = Math.floor((now() + storedFor) / 1000)
    try {
      const topic = this.#certificate.topic
      if (target.topic !== topic)
        return { push, target, id, answer: { status: 400, reason: 'DeviceTokenNotForTopic' } }
      return {
        push,
        target,
        id,
        answer: await this.#connections.send({ id, token, magic, topic, expiration }),
      }
    } catch (error) {
      if (error instanceof NoAnswer) return { push, target, id, answer: error }
      throw error
    }
  }

  /** A wrong certificate, topic or environment says so with each push: going on would only make Apple angry. */
  #everybodysFault(tried: readonly Tried[]): string | undefined {
    const answers = tried.map(({ answer }) => answer)
    const refused = answers.find((answer) => !(answer instanceof NoAnswer) && verdictOf(answer) === 'stop')
    const tokens = answers.filter(
      (answer) =>
        !(answer instanceof NoAnswer) && verdictOf(answer) === 'dead-token' && answer.status === 400,
    )
    const environment =
      tokens.length >= suspicious && tokens.length === answers.length ? tokens[0] : undefined
    const goaway = this.#goaway?.startsWith('BadCertificate') ? this.#goaway : undefined
    this.#goaway = undefined
    const found = refused ?? environment
    const why = found !== undefined && !(found instanceof NoAnswer) ? textOf(found) : goaway
    if (why === undefined) return undefined
    this.#stoppedUntil = this.#options.now() + probeAfter
    this.#connections.renew()
    this.#options.onCondition(
      false,
      `Apple refuses every push: ${why}. Is it the right push certificate, and not expired?`,
    )
    return why
  }

  #goOn(): void {
    this.#stoppedUntil = 0
    this.#options.onCondition(true)
  }

  async #judge({ push, target, id, answer }: Tried, stopped: boolean): Promise<PushResult> {
    const { onPush, enrollments, now } = this.#options
    const verdict = answer instanceof NoAnswer ? 'no-answer' : verdictOf(answer)
    const text = answer instanceof NoAnswer ? answer.message : textOf(answer)
    onPush({ enrollment: push.enrollment, id, answer: text, verdict })
    if (stopped && verdict !== 'accepted') return this.#again(push, text, { dueAt: this.#stoppedUntil })
    switch (verdict) {
      case 'accepted':
        return this.#accepted(push, text)
      case 'dead-token':
        // The device has given a newer one since Apple learnt that this one is dead.
        if (!(answer instanceof NoAnswer) && target.updatedAt > (answer.timestamp ?? Infinity))
          return this.#again(push, text)
        await enrollments.retireToken(push.enrollment, target.token, now())
        return { push, answer: text, next: undefined }
      case 'mistake':
        // The same again would fail the same way; a later version may know better.
        return this.#again(push, text, { dueAt: now() + afterAccepted(push.failures + 1) })
      case 'reconnect':
        this.#connections.renew()
        return this.#again(push, text)
      default:
        return this.#again(push, text)
    }
  }

  #accepted(push: WantedPush, answer: string): PushResult {
    const now = this.#options.now()
    const accepted = push.accepted + 1
    if (accepted >= mostAccepted) return { push, answer, next: undefined }
    return {
      push,
      answer,
      next: { dueAt: now + afterAccepted(accepted), failures: 0, accepted, acceptedAt: now },
    }
  }

  #again(push: WantedPush, answer: string, { dueAt }: { readonly dueAt?: number } = {}): PushResult {
    const { now, random } = this.#options
    const failures = push.failures + 1
    const { accepted } = push
    return {
      push,
      answer,
      next: { dueAt: dueAt ?? now() + afterFailure(failures, random), failures, accepted },
    }
  }

  async #rest(milliseconds: number, signal: AbortSignal): Promise<void> {
    const rested = new AbortController()
    this.#wake = () => rested.abort()
    await this.#options.sleep(milliseconds, AbortSignal.any([signal, rested.signal])).catch(() => {})
    this.#wake = undefined
  }
}

function isAccepted(answer: PushAnswer | NoAnswer): boolean {
  return !(answer instanceof NoAnswer) && answer.status === 200
}

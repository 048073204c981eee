/**
 * APNs: waking enrolled devices by push. A push says "come" and nothing else; what the device is to do waits in the
 * record, and so do the pushes themselves (`push_outbox`), so that none is lost with a process. One worker of the
 * installation runs, under a lease. `answers.ts` is Apple's table of answers, `connections.ts` the few long-lived HTTP/2
 * connections, `outcome.ts` what can become of a push, `consequence.ts` what follows from that, `halt.ts` when nobody is
 * pushed to, `schedule.ts` when a push is made again.
 *
 * This file: the worker. So many pushes as there are places are under way; who has an answer makes room for the next,
 * however long others wait for theirs. A push keeps its place until the record has its result.
 */
import type { Enrollments, PushOutbox, PushTarget, WantedPush } from '../store/enrollment-ports.ts'
import type { Verdict } from './answers.ts'
import { Connections, type ConnectionsOptions } from './connections.ts'
import { type Consequence, consequenceOf, type Tried, whenHalted } from './consequence.ts'
import { doubtsToken, Halts, refusesUs, speaksForUs, suspicious } from './halt.ts'
import { answered, type Outcome, outcomeText } from './outcome.ts'
import type { PushCertificate } from './push-certificate.ts'
import { storedFor } from './schedule.ts'

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
const places = 500
/** Milliseconds between two looks when nothing is due, and nobody has announced anything. */
const lookEvery = 60_000
/** While pushes are under way, the record is asked for others at least so often. */
const lookWhileBusy = 1_000
const shortestRest = 50
/** Answers that come within so many milliseconds are written in one transaction. */
const gatherFor = 20
/** When the record cannot be read or written. */
const afterError = 5_000

export class PushWorker {
  readonly #options: PushWorkerOptions
  readonly #connections: Connections
  readonly #halts: Halts
  /** By enrollment: begun, and not yet written. */
  readonly #underWay = new Set<string>()
  #ended: Tried[] = []
  #certificate: PushCertificate
  /** That Apple has pushed with: it is one of this environment. */
  #proven: PushCertificate | undefined
  #wake: (() => void) | undefined
  #poked = false

  constructor(options: PushWorkerOptions) {
    this.#options = options
    this.#certificate = options.certificate
    this.#halts = new Halts(options)
    this.#connections = new Connections(options.certificate, {
      ...options,
      onGoaway: (reason) => {
        if (reason?.startsWith('BadCertificate')) this.#halt(reason)
      },
    })
  }

  /** A push was wanted, or has ended: looks at once. */
  poke(): void {
    this.#poked = true
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
    this.#halts.lift()
    this.poke()
  }

  /** Until the signal is aborted; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#connections.close(), { once: true })
    while (!signal.aborted) {
      try {
        await this.#rest(await this.#turn(), signal)
      } catch (error) {
        this.#options.onError(error)
        await this.#sleep(afterError, signal)
      }
    }
    await this.#finish().catch(this.#options.onError)
  }

  /** @returns milliseconds until the next turn, if nothing happens before */
  async #turn(): Promise<number> {
    this.#poked = false
    await this.#settle()
    const left = await this.#begin()
    if (left > 0) return 0
    if (this.#underWay.size > 0) return lookWhileBusy
    const { outbox, now } = this.#options
    const next = Math.max(this.#halts.present?.until ?? 0, (await outbox.nextDue()) ?? Infinity)
    return Math.min(Math.max(next - now(), shortestRest), lookEvery)
  }

  /** Begins as many as there are places for. @returns how many were taken from the record instead */
  async #begin(): Promise<number> {
    const { outbox, enrollments, now } = this.#options
    const room = this.#room()
    if (room <= 0) return 0
    // Those under way are due as well, so that as many as there are places hold enough that are not.
    const due = await outbox.due(now(), places)
    const next = due.filter(({ enrollment }) => !this.#underWay.has(enrollment)).slice(0, room)
    const targets = await Promise.all(next.map(({ enrollment }) => enrollments.pushTarget(enrollment)))
    const without = next.filter((push, index) => !this.#start(push, targets[index]))
    // A device without a token is not pushed for: it brings a new one when it comes by itself.
    await outbox.took(without.map((push) => ({ push, answer: 'no token', next: undefined })))
    return without.length
  }

  #room(): number {
    const { present } = this.#halts
    if (present === undefined) return this.#doubted().length < suspicious ? places - this.#underWay.size : 0
    return this.#options.now() < present.until ? 0 : 1 - this.#underWay.size
  }

  #start(push: WantedPush, target: PushTarget | undefined): boolean {
    if (target === undefined) return false
    const probed = this.#halts.present
    const certificate = this.#certificate
    const id = this.#options.newId()
    this.#underWay.add(push.enrollment)
    void this.#send(id, target).then((outcome) => {
      this.#ended.push({ push, target, id, certificate, probed, outcome })
      this.poke()
    })
    return true
  }

  async #send(id: string, { token, magic, topic: wanted }: PushTarget): Promise<Outcome> {
    const { topic } = this.#certificate
    if (wanted !== topic) return answered({ status: 400, reason: 'DeviceTokenNotForTopic' })
    const expiration = Math.floor((this.#options.now() + storedFor) / 1000)
    return this.#connections.send({ id, token, magic, topic, expiration })
  }

  #doubted(): readonly Tried[] {
    return this.#ended.filter((tried) => doubtsToken(tried.outcome) && !this.#isOfFormer(tried))
  }

  /** Writes what has ended. Whether it is the tokens that are bad shows when another push has its answer, or all have. */
  async #settle(): Promise<void> {
    const doubted = this.#doubted()
    this.#judgeUs(doubted)
    const clear = this.#ended.some(({ outcome }) => outcome.kind === 'answered' && !doubtsToken(outcome))
    const wait = doubted.length < this.#underWay.size && !clear && this.#halts.present === undefined
    await this.#write(this.#ended.filter((tried) => !wait || !doubted.includes(tried)))
  }

  #judgeUs(doubted: readonly Tried[]): void {
    // What answered to the certificate before says nothing about this one.
    const tried = this.#ended.filter(({ certificate }) => certificate === this.#certificate)
    if (tried.some(({ outcome }) => outcome.kind === 'answered' && speaksForUs(outcome)))
      this.#proven = this.#certificate
    const refused = tried.map(({ outcome }) => refusesUs(outcome)).find((why) => why !== undefined)
    const why = refused ?? this.#wrongEnvironment(doubted)
    if (why !== undefined) this.#halt(why)
    else
      for (const { outcome, probed } of tried)
        if (outcome.kind === 'answered' && speaksForUs(outcome)) this.#halts.vouch(probed)
  }

  #wrongEnvironment(doubted: readonly Tried[]): string | undefined {
    const probe = doubted.find(({ probed }) => probed !== undefined && probed === this.#halts.present)
    // Else whoever holds a few enrolled devices could stop everybody's pushes, by giving tokens that are none.
    const inDoubt = this.#proven !== this.#certificate
    const all = inDoubt && doubted.length >= suspicious && doubted.length === this.#underWay.size
    const one = probe ?? (all ? doubted[0] : undefined)
    return one && outcomeText(one.outcome)
  }

  #halt(why: string): void {
    this.#halts.halt(why)
    this.#connections.renew()
  }

  async #write(tried: readonly Tried[]): Promise<void> {
    if (tried.length === 0) return
    const { outbox, enrollments, now } = this.#options
    const consequences = tried.map((one) => this.#consequence(one))
    for (const [index, { retire }] of consequences.entries()) {
      const { push, target } = tried[index] as Tried // as many as consequences
      if (retire) await enrollments.retireToken(push.enrollment, target.token, now())
    }
    await outbox.took(consequences.map(({ result }) => result))
    const written = new Set(tried)
    this.#ended = this.#ended.filter((one) => !written.has(one))
    for (const { push } of tried) this.#underWay.delete(push.enrollment)
    for (const one of tried) this.#report(one)
  }

  #consequence(tried: Tried): Consequence {
    const { outcome } = tried
    const speaks = outcome.kind === 'answered' && speaksForUs(outcome)
    if (this.#halts.present !== undefined && !speaks) return whenHalted(tried, this.#options)
    if (this.#isOfFormer(tried)) return whenHalted(tried, this.#options)
    return consequenceOf(tried, this.#options)
  }

  /** It blames a certificate that is in use no more, or may: neither the push nor the token has to pay for it. */
  #isOfFormer({ certificate, outcome }: Tried): boolean {
    if (certificate === this.#certificate) return false
    return refusesUs(outcome) !== undefined || doubtsToken(outcome)
  }

  #report({ push, id, outcome }: Tried): void {
    this.#options.onPush({
      ...{ enrollment: push.enrollment, id, answer: outcomeText(outcome) },
      verdict: outcome.kind === 'answered' ? outcome.verdict : 'no-answer',
    })
  }

  /** What was answered is written; what was not stays due, and whoever works next makes it at once. */
  async #finish(): Promise<void> {
    await this.#write(
      this.#ended.filter(({ outcome }) => outcome.kind === 'answered' && speaksForUs(outcome)),
    )
  }

  /** Until something ends or is wanted; a little longer while answers come in. */
  async #rest(milliseconds: number, signal: AbortSignal): Promise<void> {
    if (!this.#poked) {
      const woken = new AbortController()
      this.#wake = () => woken.abort()
      await this.#sleep(milliseconds, AbortSignal.any([signal, woken.signal]))
      this.#wake = undefined
    }
    if (this.#underWay.size > 0) await this.#sleep(gatherFor, signal)
  }

  async #sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
    await this.#options.sleep(milliseconds, signal).catch(() => {})
  }
}

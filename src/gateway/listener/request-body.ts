import { Readable } from 'node:stream'
import { ClientBodyError } from '../client-side.ts'

export interface BodyRules {
  /** Milliseconds without a byte while we wait for one. */
  readonly bodyTimeout: number
  /** Bytes per second of waiting, once more than `bodyTimeout` was waited in all. */
  readonly bodyRate: number
  readonly now: () => number
}

/** Where the bytes of a body come from: it calls `deliver`, `complete` and `fail`. */
export interface BodySource {
  /** The first read, and every read after `pauseBody`. */
  resumeBody(body: RequestBody): void
  pauseBody(): void
  /** The body will not be read to its end: the connection is of no use for another request. */
  bodyFailed(): void
}

/** Pieces that wait to be read: a client that sends byte by byte would make each a buffer of its own. */
const mostPieces = 128

/**
 * A request's body with its limits. Only time spent waiting for the client counts against the client; while our own
 * side is slow, its clock stands.
 */
export class RequestBody extends Readable {
  received = 0
  readonly #source: BodySource
  readonly #rules: BodyRules
  #limit = Number.POSITIVE_INFINITY
  #flowing = false
  #complete = false
  #timer: NodeJS.Timeout | undefined
  /** 0 while nothing is waited for. */
  #waitingSince = 0
  #waited = 0
  #pieces = 0

  constructor(source: BodySource, rules: BodyRules) {
    super({ highWaterMark: 65536 })
    this.#source = source
    this.#rules = rules
    // A body that nobody reads may fail without anybody to tell.
    this.on('error', () => {})
  }

  limit(bytes: number): void {
    this.#limit = bytes
    if (this.received > bytes) this.fail('limit.body-size')
  }

  /** All of it has come in. */
  get isComplete(): boolean {
    return this.#complete
  }

  deliver(chunk: Buffer): void {
    this.received += chunk.length
    if (this.destroyed) return
    this.#waited += this.#elapsed()
    if (this.received > this.#limit) this.fail('limit.body-size')
    else if (this.#isTooSlow()) this.fail('limit.body-time')
    else if (this.push(chunk) && !this.#isInPieces()) this.#wait()
    else this.#rest()
  }

  complete(): void {
    if (this.destroyed) return
    this.#complete = true
    clearTimeout(this.#timer)
    this.push(null)
  }

  fail(reason: ClientBodyError['reason'], cause?: unknown): void {
    if (this.destroyed || this.#complete) return
    this.destroy(new ClientBodyError(reason, cause === undefined ? undefined : { cause }))
  }

  override _read(): void {
    if (!this.#flowing) {
      this.#flowing = true
      this.#source.resumeBody(this)
    }
    this.#wait()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearTimeout(this.#timer)
    // Whoever read it may let go of it by itself, as undici does when the upstream answers early.
    if (!this.#complete) this.#source.bodyFailed()
    callback(error)
  }

  #isInPieces(): boolean {
    this.#pieces = this.readableLength === 0 ? 0 : this.#pieces + 1
    return this.#pieces > mostPieces
  }

  #wait(): void {
    if (this.#complete || this.destroyed || !this.#flowing) return
    this.#waitingSince = this.#rules.now()
    if (this.#timer !== undefined) this.#timer.refresh()
    else this.#timer = setTimeout(() => this.fail('limit.body-time'), this.#rules.bodyTimeout)
  }

  #rest(): void {
    this.#flowing = false
    this.#pieces = 0
    this.#waitingSince = 0
    this.#source.pauseBody()
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** Wall clocks jump; a wait is never longer than the timer lets it be. */
  #elapsed(): number {
    if (this.#waitingSince === 0) return 0
    const elapsed = this.#rules.now() - this.#waitingSince
    return Math.min(Math.max(elapsed, 0), this.#rules.bodyTimeout)
  }

  #isTooSlow(): boolean {
    const { bodyTimeout, bodyRate } = this.#rules
    return this.#waited > bodyTimeout && this.received < (this.#waited / 1000) * bodyRate
  }
}

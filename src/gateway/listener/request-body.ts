import { Readable } from 'node:stream'
import { ClientBodyError } from '../client-side.ts'

export interface BodyRules {
  /** Milliseconds without a byte while we wait for one. */
  readonly bodyTimeout: number
  /** Bytes per second of waiting, once more than `bodyTimeout` was waited in all. */
  readonly bodyRate: number
  readonly now: () => number
  /** Sends `100 Continue` where the client waits for it. */
  readonly onFirstRead: (() => void) | undefined
  /** The body cannot be read to its end: the connection is of no use for another request. */
  readonly onFailure: () => void
}

/**
 * A request's body with its limits. Only time spent waiting for the client counts against the client; while our own
 * side is slow, its clock stands.
 */
export class RequestBody extends Readable {
  received = 0
  readonly #source: Readable
  readonly #rules: BodyRules
  #limit = Number.POSITIVE_INFINITY
  #started = false
  #complete = false
  #timer: NodeJS.Timeout | undefined
  #waitingSince = 0
  #waited = 0

  constructor(source: Readable, rules: BodyRules) {
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

  get complete(): boolean {
    return this.#complete
  }

  fail(reason: ClientBodyError['reason'], cause?: unknown): void {
    if (this.destroyed || this.#complete) return
    this.#rules.onFailure()
    this.destroy(new ClientBodyError(reason, cause === undefined ? undefined : { cause }))
  }

  override _read(): void {
    if (!this.#started) this.#start()
    else if (this.#source.isPaused()) this.#source.resume()
    this.#wait()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearTimeout(this.#timer)
    callback(error)
  }

  #start(): void {
    this.#started = true
    this.#rules.onFirstRead?.()
    const source = this.#source
    source.on('data', (chunk: Buffer) => this.#onData(chunk))
    source.on('end', () => this.#onEnd())
    source.on('error', (error) => this.fail('client.aborted', error))
    source.on('close', () => this.fail('client.aborted'))
  }

  #onData(chunk: Buffer): void {
    this.received += chunk.length
    if (this.destroyed) return
    this.#waited += this.#elapsed()
    if (this.received > this.#limit) this.fail('limit.body-size')
    else if (this.#isTooSlow()) this.fail('limit.body-time')
    else if (this.push(chunk)) this.#wait()
    else this.#rest()
  }

  #onEnd(): void {
    if (this.destroyed) return
    this.#complete = true
    clearTimeout(this.#timer)
    this.push(null)
  }

  #wait(): void {
    if (this.#complete || this.destroyed) return
    this.#waitingSince = this.#rules.now()
    if (this.#timer !== undefined) this.#timer.refresh()
    else this.#timer = setTimeout(() => this.fail('limit.body-time'), this.#rules.bodyTimeout)
  }

  #rest(): void {
    this.#source.pause()
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** Wall clocks jump; a wait is never longer than the timer lets it be. */
  #elapsed(): number {
    const elapsed = this.#rules.now() - this.#waitingSince
    return Math.min(Math.max(elapsed, 0), this.#rules.bodyTimeout)
  }

  #isTooSlow(): boolean {
    const { bodyTimeout, bodyRate } = this.#rules
    return this.#waited > bodyTimeout && this.received < (this.#waited / 1000) * bodyRate
  }
}

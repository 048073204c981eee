import type { PushAnswer } from './answers.ts'
import { Connection, NoAnswer, NotSent, type Push } from './connection.ts'
import type { PushCertificate } from './push-certificate.ts'
import { beforeConnecting } from './schedule.ts'

export interface ConnectionsOptions {
  readonly origin: string
  readonly ca?: string
  /** At a time. */
  readonly most: number
  readonly timeout: number
  readonly pingAfter: number
  readonly random: () => number
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>
  readonly onGoaway: (reason: string | undefined) => void
}

/** For a push that connection after connection refuses unseen. */
const attempts = 3

/**
 * A few connections to APNs, opened when they are needed and kept: Apple takes frequent connecting for an attack. A push
 * waits here until one of them has room.
 */
export class Connections {
  readonly #options: ConnectionsOptions
  readonly #closed = new AbortController()
  #certificate: PushCertificate
  #connections: Connection[] = []
  #opening: Promise<void> | undefined
  #failures = 0
  #waiting: (() => void)[] = []

  constructor(certificate: PushCertificate, options: ConnectionsOptions) {
    this.#certificate = certificate
    this.#options = options
  }

  /** New connections use it; those that are open end when they are idle. */
  use(certificate: PushCertificate): void {
    this.#certificate = certificate
    for (const connection of this.#connections) connection.retire()
    this.#connections = []
    this.#failures = 0
  }

  /** @throws NoAnswer */
  async send(push: Push): Promise<PushAnswer> {
    for (let attempt = 1; ; attempt++) {
      const connection = await this.#withRoom()
      try {
        return await connection.send(push)
      } catch (error) {
        if (!(error instanceof NotSent) || attempt === attempts) throw error
        connection.retire()
      } finally {
        this.#waiting.shift()?.()
      }
    }
  }

  /** What answers this connection's credentials badly, answers all of them so: the next push opens another. */
  renew(): void {
    for (const connection of this.#connections) connection.retire()
    this.#connections = []
  }

  close(): void {
    this.#closed.abort()
    for (const connection of this.#connections) connection.destroy()
    this.#wakeAll()
  }

  #wakeAll(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }

  /** @returns one with a place that is reserved */
  async #withRoom(): Promise<Connection> {
    for (;;) {
      if (this.#closed.signal.aborted) throw new NoAnswer('the worker stops')
      this.#connections = this.#connections.filter(({ usable }) => usable)
      const free = this.#connections.find(({ room }) => room > 0)
      if (free !== undefined) {
        free.reserve()
        return free
      }
      if (this.#connections.length < this.#options.most) await this.#open()
      else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  /** One at a time, however many pushes wait for it. */
  #open(): Promise<void> {
    this.#opening ??= this.#connect().finally(() => {
      this.#opening = undefined
      this.#wakeAll()
    })
    return this.#opening
  }

  async #connect(): Promise<void> {
    const { sleep, random, most: _, ...options } = this.#options
    await sleep(beforeConnecting(this.#failures, random), this.#closed.signal).catch(() => {
      throw new NoAnswer('the worker stops')
    })
    const certificate = this.#certificate
    try {
      const connection = await Connection.open({
        ...options,
        ...{ cert: certificate.cert, key: certificate.key, onRoom: () => this.#wakeAll() },
      })
      if (this.#closed.signal.aborted || certificate !== this.#certificate) connection.destroy()
      else this.#connections.push(connection)
      this.#failures = 0
    } catch (error) {
      this.#failures++
      throw error
    }
  }
}

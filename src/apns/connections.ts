import { Connection, NoConnection, type Push } from './connection.ts'
import { type Outcome, type Unanswered, unanswered } from './outcome.ts'
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

/** For a push that a connection refuses unseen and yet goes on. */
const mostRefusals = 3

/**
 * A few connections to APNs, opened when they are needed and kept: Apple takes frequent connecting for an attack. A push
 * waits here until one of them has room.
 */
export class Connections {
  readonly #options: ConnectionsOptions
  readonly #closed = new AbortController()
  #certificate: PushCertificate
  #connections: Connection[] = []
  /** Those that take no more pushes, and still wait for answers. */
  #ending: Connection[] = []
  #opening: Promise<Unanswered | undefined> | undefined
  /** In a row: connections that could not be opened, or on which nothing was answered well. */
  #failures = 0
  #waiting: (() => void)[] = []

  constructor(certificate: PushCertificate, options: ConnectionsOptions) {
    this.#certificate = certificate
    this.#options = options
  }

  /** New connections use it; those that are open end when they are idle. */
  use(certificate: PushCertificate): void {
    this.#certificate = certificate
    this.#failures = 0
    this.renew()
  }

  /** Never rejects. */
  async send(push: Push): Promise<Outcome> {
    for (let refusals = 0; ; ) {
      const connection = await this.#withRoom()
      if (!(connection instanceof Connection)) return connection
      const outcome = await connection.send(push)
      this.#learn(connection, outcome)
      this.#waiting.shift()?.()
      if (outcome.kind !== 'unseen') return outcome
      // The end of a connection does not count: the next one has a back-off of its own.
      if (connection.usable && ++refusals === mostRefusals) return unanswered(outcome.why)
    }
  }

  /** What answers this connection's credentials badly, answers all of them so: the next push opens another. */
  renew(): void {
    for (const connection of this.#connections) connection.retire()
  }

  close(): void {
    this.#closed.abort()
    for (const connection of [...this.#connections, ...this.#ending]) connection.destroy()
    this.#wakeAll()
  }

  /** A connection that Apple is tired of takes no more pushes; its other answers say so too, and count once. */
  #learn(connection: Connection, outcome: Awaited<ReturnType<Connection['send']>>): void {
    if (outcome.kind !== 'answered') return
    if (outcome.verdict !== 'reconnect') this.#failures = 0
    else if (connection.usable) {
      this.#failures++
      connection.retire()
    }
  }

  #wakeAll(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }

  /** @returns one with a place that is reserved, or why there is none */
  async #withRoom(): Promise<Connection | Unanswered> {
    for (;;) {
      if (this.#closed.signal.aborted) return unanswered('the worker stops')
      this.#drop()
      const free = this.#connections.find(({ room }) => room > 0)
      if (free !== undefined) {
        free.reserve()
        return free
      }
      if (this.#connections.length >= this.#options.most)
        await new Promise<void>((resolve) => this.#waiting.push(resolve))
      else {
        const failed = await this.#open()
        if (failed !== undefined) return failed
      }
    }
  }

  #drop(): void {
    const ended = this.#connections.filter(({ usable }) => !usable)
    if (ended.length === 0) return
    this.#failures += ended.filter(({ proven }) => !proven).length
    this.#connections = this.#connections.filter(({ usable }) => usable)
    this.#ending = [...this.#ending, ...ended].filter(({ closed }) => !closed)
  }

  /** One at a time, however many pushes wait for it. */
  #open(): Promise<Unanswered | undefined> {
    this.#opening ??= this.#connect()
      .then(
        () => undefined,
        (error: Error) => unanswered(error.message),
      )
      .finally(() => {
        this.#opening = undefined
        this.#wakeAll()
      })
    return this.#opening
  }

  /** @throws NoConnection */
  async #connect(): Promise<void> {
    const { sleep, random, most: _, ...options } = this.#options
    await sleep(beforeConnecting(this.#failures, random), this.#closed.signal).catch(() => {
      throw new NoConnection('the worker stops')
    })
    const certificate = this.#certificate
    const { cert, key } = certificate
    try {
      const stopped = this.#closed.signal
      const onRoom = () => this.#wakeAll()
      const connection = await Connection.open({ ...options, cert, key, stopped, onRoom })
      if (this.#closed.signal.aborted || certificate !== this.#certificate) connection.destroy()
      else this.#connections.push(connection)
    } catch (error) {
      this.#failures++
      throw error
    }
  }
}

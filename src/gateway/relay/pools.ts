import type { Socket } from 'node:net'
import { Client } from 'undici'
import type { Limits } from '../../domain/limits.ts'
import type { Connector } from './connector.ts'
import { withoutUnaskedContinue } from './unasked-continue.ts'

/**
 * The connections to one upstream: a set of undici Clients, each with one connection and one exchange at a time, for
 * one service and one upstream address. undici's own Pool looks through all its connections for a free one on each
 * request; with thousands of parked long polls that is most of the work. Here the free ones are a stack.
 */
export class UpstreamPool {
  readonly #connector: Connector
  readonly #url: URL
  readonly #limits: Limits
  readonly #all = new Set<UpstreamConnection>()
  readonly #idle: UpstreamConnection[] = []
  readonly #waiting: Waiter[] = []

  constructor(url: URL, connector: Connector, limits: Limits) {
    this.#url = url
    this.#connector = connector
    this.#limits = limits
  }

  get busy(): number {
    return this.#all.size - this.#idle.length + this.#waiting.length
  }

  /** A free connection, or a new one; undefined when there are as many as allowed: `wait` for one then. */
  acquire(): UpstreamConnection | undefined {
    const free = this.#idle.pop()
    if (free !== undefined) return free
    return this.#all.size < this.#limits.upstreamConnections ? this.open('pooled') : undefined
  }

  /** A connection that nobody has used: for handshakes, retries, and clients that are signed in by connection. */
  open(kind: ConnectionKind): UpstreamConnection {
    const connection = new UpstreamConnection({
      url: this.#url,
      connector: this.#connector,
      limits: this.#limits,
      kind,
      onDisconnect: (gone) => this.#disconnected(gone),
      onDiscard: (gone) => this.#discarded(gone),
    })
    this.#all.add(connection)
    return connection
  }

  /** Calls `take` with the next free connection, or with undefined when none came free in time. @returns cancel */
  wait(take: (connection: UpstreamConnection | undefined) => void): () => void {
    const waiter: Waiter = {
      take,
      timer: setTimeout(() => {
        this.#remove(waiter)
        take(undefined)
      }, this.#limits.connectTimeout),
    }
    this.#waiting.push(waiter)
    return () => this.#remove(waiter)
  }

  /** Gives a connection back whose answer is complete. */
  release(connection: UpstreamConnection): void {
    if (connection.kind !== 'pooled') {
      connection.discard()
      return
    }
    const waiter = this.#waiting.shift()
    if (waiter === undefined) {
      this.#idle.push(connection)
      return
    }
    clearTimeout(waiter.timer)
    waiter.take(connection)
  }

  async close(): Promise<void> {
    for (const waiter of this.#waiting.splice(0)) {
      clearTimeout(waiter.timer)
      waiter.take(undefined)
    }
    await Promise.all([...this.#all].map((connection) => connection.discard()))
  }

  #remove(waiter: Waiter): void {
    clearTimeout(waiter.timer)
    const index = this.#waiting.indexOf(waiter)
    if (index >= 0) this.#waiting.splice(index, 1)
  }

  /** A free connection that the upstream closed, or that was idle for too long, makes room. */
  #disconnected(connection: UpstreamConnection): void {
    if (this.#idle.includes(connection)) void connection.discard()
  }

  #discarded(connection: UpstreamConnection): void {
    this.#all.delete(connection)
    const index = this.#idle.lastIndexOf(connection)
    if (index >= 0) this.#idle.splice(index, 1)
    const waiter = this.#waiting.shift()
    if (waiter === undefined) return
    clearTimeout(waiter.timer)
    waiter.take(this.open('pooled'))
  }
}

interface Waiter {
  readonly take: (connection: UpstreamConnection | undefined) => void
  readonly timer: NodeJS.Timeout
}

/** `pooled` goes back to the pool; `single` is for one handshake; `pinned` belongs to one client connection. */
export type ConnectionKind = 'pooled' | 'single' | 'pinned'

/** `pinned` must not reconnect: what the old connection was signed in as is gone with it. */
class ConnectionSpent extends Error {
  readonly code = 'UPSTREAM_CONNECTION_SPENT'
}

export class UpstreamConnection {
  readonly client: Client
  readonly kind: ConnectionKind
  /** An exchange was answered on it before, so that the upstream may be closing it just now. */
  reused = false
  /** A request is on its way and no byte of an answer has come. */
  awaitsAnswer = false
  #socket: Socket | undefined
  #discarded: Promise<void> | undefined
  readonly #onDiscard: (connection: UpstreamConnection) => void

  constructor(options: {
    readonly url: URL
    readonly connector: Connector
    readonly limits: Limits
    readonly kind: ConnectionKind
    readonly onDisconnect: (connection: UpstreamConnection) => void
    readonly onDiscard: (connection: UpstreamConnection) => void
  }) {
    const { kind, limits } = options
    this.kind = kind
    this.#onDiscard = options.onDiscard
    this.client = new Client(options.url.origin, {
      allowH2: false,
      pipelining: 1,
      headersTimeout: Math.ceil(limits.responseTimeout),
      bodyTimeout: Math.ceil(limits.responseTimeout),
      maxHeaderSize: limits.upstreamHeaderSize,
      ...keepAlive(kind, limits),
      connect: (_options, callback) => {
        if (kind !== 'pooled' && this.#socket !== undefined) {
          callback(new ConnectionSpent('This connection was the only one for its client'), null)
          return
        }
        this.#socket = options.connector((error, socket) => {
          if (socket === null) {
            callback(error as Error, null)
            return
          }
          withoutUnaskedContinue(socket, () => this.awaitsAnswer)
          callback(null, socket)
        }, kind === 'single')
      },
    })
    this.client.on('disconnect', () => options.onDisconnect(this))
    // undici reports errors of handlers here; unheard they would end the process.
    this.client.on('error' as 'disconnect', () => void this.discard())
  }

  /** Closes the connection, whatever is going on with it. */
  discard(): Promise<void> {
    this.#discarded ??= this.#destroy()
    return this.#discarded
  }

  get discarded(): boolean {
    return this.#discarded !== undefined
  }

  async #destroy(): Promise<void> {
    this.#onDiscard(this)
    const gone = this.client.destroy(null)
    this.#socket?.destroy()
    await gone
  }
}

/** A connection that is signed in stays as long as its client's: the upstream alone ends it. */
function keepAlive(kind: ConnectionKind, limits: Limits) {
  const day = 24 * 60 * 60 * 1000
  const time = kind === 'pinned' ? day : limits.upstreamKeepAlive
  return {
    keepAliveTimeout: time,
    keepAliveMaxTimeout: time,
    keepAliveTimeoutThreshold: kind === 'pinned' ? 0 : 1000,
  }
}

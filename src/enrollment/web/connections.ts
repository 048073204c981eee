import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Limits } from '../../domain/limits.ts'
import { ConnectionCount } from '../../lib/connection-count.ts'
import { canonicalAddress, networkOf } from '../../lib/ip-address.ts'
import type { IpSet } from '../../lib/ip-set.ts'
import { Turns } from '../../lib/turns.ts'

/** Why a connection ended that its client had not ended: the limit that it was over, or what took too long. */
export type TurnedAway = 'total' | 'address' | 'slow'

export interface ConnectionsOptions {
  readonly limits: Pick<Limits, 'connections' | 'connectionsPerAddress' | 'tlsHandshakeTimeout'>
  /** Each stands for many clients, so that only the total counts. */
  readonly trustedProxies: IpSet
  readonly onTurnedAway: (why: TurnedAway) => void
}

interface Open {
  readonly socket: Socket
  readonly network: string
  /** Requests that wait for their answer. */
  requests: number
  /** Once: the connection counts no more. */
  readonly release: () => void
  /** Its handshake is over, or waits no more. */
  handshakeOver: () => void
}

/** TLS handshakes of one network at a time: each costs a signature, and those of others come between. */
const handshakesAtOnce = 200

/**
 * The connections of the enrollment listener: how many, from whom, and whose handshake is next. Thousands of devices
 * behind one address come after one push, each for a moment: what would be one too many takes the place of a connection
 * of that address that waits for nothing, and is turned away only when there is none.
 */
export class Connections {
  readonly #options: ConnectionsOptions
  readonly #count: ConnectionCount
  readonly #handshakes = new Turns(handshakesAtOnce)
  /** Before their first request, by remote address and port: TLS wraps sockets into other objects. */
  readonly #coming = new Map<string, Open>()
  /** By the socket that their requests name. */
  readonly #open = new WeakMap<Socket, Open>()
  /** Those that have had an answer and ask nothing; the longest idle first. */
  readonly #idle = new Set<Open>()
  #closed = false

  constructor(options: ConnectionsOptions) {
    this.#options = options
    this.#count = new ConnectionCount(options.limits)
  }

  /** Stands before what the server does with a new connection. */
  guard(server: Server, { secure }: { readonly secure: boolean }): void {
    // The cast: whoever listens to this event is given a socket.
    const listeners = server.listeners('connection') as ((socket: Socket) => void)[]
    server.removeAllListeners('connection')
    server.on('connection', (socket: Socket) => {
      this.#accept(socket, secure, () => {
        for (const listener of listeners) listener.call(server, socket)
      })
    })
    server.on('secureConnection', (socket: TLSSocket) => this.#secured(socket))
    server.on('request', (request: IncomingMessage, response: ServerResponse) =>
      this.#serve(request.socket, response),
    )
  }

  /** Those that have not sent a request yet; the others end with their server. */
  close(): void {
    this.#closed = true
    for (const { socket } of this.#coming.values()) socket.destroy()
  }

  #accept(socket: Socket, secure: boolean, start: () => void): void {
    const address = canonicalAddress(socket.remoteAddress ?? '')
    if (address === undefined || this.#closed) return void socket.destroy()
    const shared = this.#options.trustedProxies.has(address)
    const network = networkOf(address)
    const full = this.#count.full(network, shared)
    if (full !== undefined) this.#makeRoom(full === 'address' ? network : undefined)
    const release = this.#count.admit(network, shared)
    if (release === undefined) {
      this.#options.onTurnedAway(full ?? 'total')
      return void socket.destroy()
    }
    const open = this.#register(socket, network, release)
    if (!secure) this.#open.set(socket, open)
    // Nobody else hears of a socket that breaks before TLS has it.
    else socket.on('error', () => {})
    if (secure && !shared) this.#queue(open, start)
    else start()
  }

  #register(socket: Socket, network: string, release: () => void): Open {
    const key = peerKey(socket)
    let released = false
    const open: Open = {
      ...{ socket, network, requests: 0 },
      release: () => {
        if (!released) release()
        released = true
      },
      handshakeOver() {},
    }
    this.#coming.set(key, open)
    socket.once('close', () => {
      open.handshakeOver()
      open.release()
      this.#idle.delete(open)
      if (this.#coming.get(key) === open) this.#coming.delete(key)
    })
    return open
  }

  /** Long enough that those ahead, were they to stand still, are gone before. */
  #queue(open: Open, start: () => void): void {
    const { tlsHandshakeTimeout } = this.#options.limits
    const patience = setTimeout(() => {
      this.#options.onTurnedAway('slow')
      open.socket.destroy()
    }, 2 * tlsHandshakeTimeout)
    const leave = this.#handshakes.take(open.network, () => {
      clearTimeout(patience)
      start()
    })
    open.handshakeOver = () => {
      clearTimeout(patience)
      leave()
    }
  }

  #secured(socket: TLSSocket): void {
    const open = this.#coming.get(peerKey(socket))
    if (open === undefined) return
    open.handshakeOver()
    this.#open.set(socket, open)
  }

  #serve(socket: Socket, response: ServerResponse): void {
    const open = this.#open.get(socket)
    if (open === undefined) return
    if (open.requests++ === 0) {
      this.#idle.delete(open)
      this.#coming.delete(peerKey(open.socket))
    }
    response.once('close', () => {
      open.requests--
      if (open.requests === 0 && !open.socket.destroyed) this.#idle.add(open)
    })
  }

  /** @param network whose connections go; undefined: anybody's */
  #makeRoom(network: string | undefined): void {
    for (const open of this.#idle) {
      if (network !== undefined && open.network !== network) continue
      this.#idle.delete(open)
      open.release()
      return void open.socket.destroy()
    }
  }
}

function peerKey({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress}|${remotePort}`
}

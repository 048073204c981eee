import type { RequestHead } from '../../domain/request-head.ts'
import type { ClientConnection } from '../client-side.ts'
import type { UpstreamConnection } from './pools.ts'
import type { Upstream } from './upstreams.ts'

/**
 * NTLM and Negotiate authenticate a connection, not a request. On pooled connections one user's requests would go out
 * signed in as another. From the first such credential or challenge on, a client connection has an upstream connection of
 * its own that nobody else ever uses, and that dies with it.
 */
export class Pins {
  readonly #pins = new WeakMap<ClientConnection, Pin>()

  of(connection: ClientConnection): Pin | undefined {
    return this.#pins.get(connection)
  }

  /** For ever after: a client connection that is pinned stays so, to this one upstream. */
  pin(connection: ClientConnection, upstream: Upstream): Pin {
    const known = this.#pins.get(connection)
    if (known !== undefined) return known
    const pin = new Pin(connection, upstream)
    this.#pins.set(connection, pin)
    return pin
  }
}

export class Pin {
  readonly upstream: Upstream
  readonly connection: UpstreamConnection
  readonly #client: ClientConnection
  #inUse = false
  #gone = false

  constructor(client: ClientConnection, upstream: Upstream) {
    this.#client = client
    this.upstream = upstream
    this.connection = upstream.pool.open('pinned')
    this.connection.client.on('disconnect', (_origin, _targets, error) => {
      // The tunnel of an accepted handshake: undici lets go of the socket, which lives on.
      if (error.message !== 'upgrade') this.#ended()
    })
    this.connection.client.on('connectionError', () => this.#ended())
    client.onClose(() => void this.connection.discard())
  }

  begin(): void {
    this.#inUse = true
  }

  /** @param completed the client has got the whole answer; otherwise it still gets one, from the pipeline */
  end(completed: boolean): void {
    if (!completed) {
      this.#client.closeAfterAnswer()
      return
    }
    this.#inUse = false
    if (this.#gone) this.#client.destroy()
  }

  /**
   * What the upstream had signed in is gone. A new connection would carry the client's next request as nobody, or
   * confuse a handshake half-way: the client has to start anew, so it loses its connection as well.
   */
  #ended(): void {
    this.#gone = true
    if (this.#inUse) this.#client.closeAfterAnswer()
    else this.#client.destroy()
  }
}

/**
 * A proxy in front of us that tells the client's address in a header carries many clients over one connection: what
 * one of them signed in, the next would use. With the PROXY protocol each client has a connection of its own.
 */
export function isShared({ source }: RequestHead): boolean {
  return source.derivedFrom === 'x-forwarded-for' || source.derivedFrom === 'forwarded'
}

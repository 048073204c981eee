/**
 * The client's side of one exchange, the same for HTTP/1.1, HTTP/2 and upgrade handshakes: a rule that holds on one
 * holds on all. The listener makes it; pipeline and relay use it. Header lists are flat: name, value, name, value.
 */
import type { Duplex, Readable } from 'node:stream'
import type { ConnectionFacts } from '../domain/request-head.ts'

export interface ClientSide {
  readonly connection: ClientConnection
  /**
   * The request's body, undefined when the request has none. The first read makes the gateway send `100 Continue`
   * where the client waits for it. Errors with `ClientBodyError` when it is malformed, too slow or longer than `limitBody` allows.
   */
  readonly body: Readable | undefined
  /** The most bytes that the body may have; known once the request is routed. */
  limitBody(bytes: number): void

  /** 102 and 103 answers. Does nothing for HTTP/1.0. */
  sendInformational(status: number, headers: readonly string[]): void
  /** @param headers already free of hop-by-hop fields; framing and connection handling are the client side's own */
  sendHead(status: number, headers: readonly string[]): void
  /** @returns false when the client is slower than we are: wait for `onDrain` */
  write(chunk: Uint8Array): boolean
  /** Called each time that the client has caught up. One listener. */
  onDrain(listener: () => void): void
  end(trailers?: readonly string[]): void
  /** Breaks the exchange off: closes the connection of HTTP/1, resets the stream of HTTP/2. The client sees that the answer is incomplete. */
  abort(how: AbortKind): void
  /** How `abort` was called, once it was: the relay tells a cut-off from a client that went away by it. */
  readonly aborted?: AbortKind | undefined
  readonly headSent: boolean
  /** Called once, when the exchange is over: answered to the end, or the client or `abort` ended it. At once when it is over already. */
  onClose(listener: (completed: boolean) => void): void
  /** Counted by the client side: body bytes. */
  readonly bytesReceived: number
  readonly bytesSent: number

  /** Only for upgrade handshakes (`head.upgrade`): answers 101 and hands over the connection. */
  switchProtocols?(headers: readonly string[]): Duplex
}

/** `http1-required` asks an HTTP/2 client to repeat the request on HTTP/1.1. */
export type AbortKind = 'cut-off' | 'upstream' | 'failure' | 'http1-required'

export interface ClientConnection extends ConnectionFacts {
  readonly httpVersion: '1' | '2'
  /** See `ConnectionFacts.authenticatedUser`. */
  authenticatedUser?: string
  /** No further request is read once the present answer is written (`Connection: close`, GOAWAY). */
  closeAfterAnswer(): void
  destroy(): void
  onClose(listener: () => void): void
}

/** Why the body of a request could not be read. */
export class ClientBodyError extends Error {
  readonly reason: 'limit.body-size' | 'limit.body-time' | 'http.malformed' | 'client.aborted'

  constructor(reason: ClientBodyError['reason'], options?: ErrorOptions) {
    super(reason, options)
    this.name = 'ClientBodyError'
    this.reason = reason
  }
}

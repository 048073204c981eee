import type { Socket } from 'node:net'
import type { ClientCertificate, ConnectionFacts, FieldList, Source } from '../../domain/request-head.ts'
import type { ClientConnection } from '../client-side.ts'
import { deriveScheme, deriveSource, type Peer, type SourceRules } from '../source.ts'
import type { HeadContext } from '../wire/head.ts'

export interface ConnectionOrigin {
  readonly id: number
  readonly httpVersion: '1' | '2'
  readonly socket: Socket
  readonly peer: Peer
  readonly tls?: ConnectionFacts['tls']
  readonly certificate?: PresentedCertificate
  readonly sourceRules: SourceRules
}

/** A client certificate as the handshake left it: verified, or with what is wrong with it. */
export type PresentedCertificate = { readonly verified: ClientCertificate } | { readonly problem: string }

/** One client connection, whatever HTTP version it speaks. */
export class Connection implements ClientConnection {
  readonly id: number
  readonly httpVersion: '1' | '2'
  readonly socket: Socket
  readonly peer: Peer
  readonly tls?: NonNullable<ConnectionFacts['tls']>
  readonly clientCertificate?: ClientCertificate
  /** Why the certificate that the client showed does not count. */
  readonly certificateProblem?: string
  authenticatedUser?: string
  /** No further request is served on this connection. */
  closing = false
  readonly derive: HeadContext['derive']
  readonly #closeListeners: (() => void)[] = []
  #retire: (() => void) | undefined

  constructor(origin: ConnectionOrigin) {
    this.id = origin.id
    this.httpVersion = origin.httpVersion
    this.socket = origin.socket
    this.peer = origin.peer
    if (origin.tls !== undefined) this.tls = origin.tls
    const { certificate } = origin
    if (certificate !== undefined && 'verified' in certificate) this.clientCertificate = certificate.verified
    else if (certificate !== undefined) this.certificateProblem = certificate.problem
    this.derive = derivation(origin)
    origin.socket.once('close', () => {
      for (const listener of this.#closeListeners) listener()
    })
  }

  /** @param retire what the HTTP engine does to end the connection once its answers are written */
  onRetire(retire: () => void): void {
    this.#retire = retire
  }

  closeAfterAnswer(): void {
    if (this.closing) return
    this.closing = true
    this.#retire?.()
  }

  destroy(): void {
    this.socket.destroy()
  }

  onClose(listener: () => void): void {
    if (this.socket.destroyed) queueMicrotask(listener)
    else this.#closeListeners.push(listener)
  }
}

/** Fields are only looked at behind a trusted proxy; for everybody else the answer is fixed when the connection opens. */
function derivation({ peer, sourceRules }: ConnectionOrigin): HeadContext['derive'] {
  if (!sourceRules.trustedProxies.has(peer.address)) {
    const fixed: { readonly source: Source } = { source: peer }
    return () => fixed
  }
  return (fields: FieldList) => {
    const source = deriveSource(peer, fields, sourceRules)
    const scheme = deriveScheme(peer, fields, sourceRules)
    return scheme === undefined ? { source } : { source, scheme }
  }
}

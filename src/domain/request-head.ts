/**
 * The domain says what things are: an exchange, a client, a registration, a decision. It imports nothing, does no
 * I/O and has no clock. Everything that came from outside has become one of these types before it gets here.
 *
 * This file: one request as every later step sees it. It is made once, by the strict parser at the edge
 * (`gateway/wire/`), and nobody looks at the raw socket or URL again: a decision made on one form of a path or
 * host and a forward of another is how gateways are bypassed.
 */

/** How the true source address was learnt; logged, so that a surprising address can be explained. */
export type SourceOrigin = 'peer' | 'proxy-protocol' | 'x-forwarded-for' | 'forwarded'

export interface Source {
  /** The client's address in canonical text: IPv4, or IPv6 in lower case, IPv4-mapped addresses as IPv4. */
  readonly address: string
  readonly derivedFrom: SourceOrigin
  /** The address that the TCP connection came from. */
  readonly peer: string
}

/** A client certificate that the TLS listener has verified against `clientCa` (chain, dates, revocation). */
export interface ClientCertificate {
  /** SHA-256 of the subject public key info, base64url: what a registration is bound to. */
  readonly publicKeySha256: string
  readonly serialNumber: string
  readonly issuer: string
  readonly subject: string
  /** subject.CN, and the first e-mail and UPN of the subject alternative name, where there are any. */
  readonly commonName?: string
  readonly email?: string
  readonly upn?: string
  readonly notAfter: number
}

/** What the client connection knows, for as long as it lives. */
export interface ConnectionFacts {
  /** Unique while the process lives. */
  readonly id: number
  readonly tls?: { readonly serverName?: string; readonly protocol: string; readonly cipher: string }
  readonly clientCertificate?: ClientCertificate
  /** The user whose NTLM or Negotiate handshake the upstream accepted on this connection: it signs every later request on it. */
  readonly authenticatedUser?: string
}

export interface RequestHead {
  /** Reference id: on the refusal page, in the access log and for `gatehouse explain`. */
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly receivedAt: number
  readonly httpVersion: '1.0' | '1.1' | '2'
  readonly method: string
  readonly scheme: 'http' | 'https'
  /** Lower case, without port and trailing dot. */
  readonly host: string
  /** The authority for the upstream's Host field: what the client sent, in lower case. */
  readonly authority: string
  /** Origin-form, the client's own bytes: this is what is forwarded. */
  readonly target: string
  /** The canonical path that policy and routing match on. It differs from the client's bytes in spelling only. */
  readonly path: string
  /** Percent-decoded path without parameters, for services that allow encoded slashes or `;`; otherwise equal to `path`. */
  readonly decodedPath: string
  /** What follows the first `?`, byte for byte; undefined when there is none. */
  readonly query: string | undefined
  readonly fields: FieldList
  /** The protocol that a valid upgrade handshake asks for, such as `websocket`. */
  readonly upgrade?: string
  readonly hasBody: boolean
  readonly source: Source
  readonly connection: ConnectionFacts
}

/**
 * Header fields in the order in which they came. Names are compared in lower case. Values are latin1 text, one
 * character a byte, as Node delivers them.
 */
export class FieldList {
  readonly #names: readonly string[]
  readonly #values: readonly string[]

  /** @param names in lower case; `values[i]` belongs to `names[i]` */
  constructor(names: readonly string[], values: readonly string[]) {
    this.#names = names
    this.#values = values
  }

  get size(): number {
    return this.#names.length
  }

  name(index: number): string {
    return this.#names[index] as string
  }

  value(index: number): string {
    return this.#values[index] as string
  }

  /** The first value of `name` (lower case). For names that the wire parser holds to one line, the only one. */
  get(name: string): string | undefined {
    const index = this.#names.indexOf(name)
    return index < 0 ? undefined : this.#values[index]
  }

  all(name: string): string[] {
    return this.#values.filter((_, index) => this.#names[index] === name)
  }

  has(name: string): boolean {
    return this.#names.includes(name)
  }
}

/**
 * Client protocols: what mail apps, browsers, Lync and Matrix clients say of themselves, when an answer proves their
 * user's credentials, and the answers that they understand. One file each behind this interface; `table.ts` lists
 * them. A protocol sees plain values (`RequestHead`, a body of at most 64 KiB), never sockets or Node's request
 * objects. It imports nothing but `domain/` and `lib/`.
 */
import type { Answer } from '../domain/answer.ts'
import type { ClientKey, Identification } from '../domain/client-identity.ts'
import type { Decision } from '../domain/decision.ts'
import type { ReasonCode } from '../domain/reason.ts'
import type { RequestHead } from '../domain/request-head.ts'
import type { ClientKind, Service } from '../domain/service.ts'

/** The most of a request or answer body that is ever held in memory to be read. */
export const readableBody = 64 * 1024

export interface ClientProtocol {
  readonly kind: ClientKind

  /**
   * Must this request's body be read before it can be judged (a login, an application's creation)? It is then
   * buffered whole, at most `readableBody` bytes (more is refused with `limit.body-size`), and forwarded unchanged.
   */
  readsBody(head: RequestHead): boolean

  /** Reads who is asking. Never throws for what a client sent: what cannot be understood is `refuse`. */
  identify(request: ClientRequest): Identification | Promise<Identification>

  /**
   * Can the answer to this request of a registered client matter (a sign-in, a token's renewal, an NTLM handshake)?
   * Answers to clients that are about to register are always observed.
   */
  watches(request: ClientRequest, identification: Identification): boolean

  /**
   * Must the answer's body be read to be observed (a login's answer with its token)? Only then is it held back, at
   * most `readableBody` bytes; a longer one, or one with a Content-Encoding that is not gzip, deflate or br, is passed on unobserved.
   */
  readsAnswer(request: ClientRequest, identification: Identification, answer: UpstreamAnswer): boolean

  /** What the upstream's answer says about the client. Called once, before the client sees any of it. */
  observe(request: ClientRequest, identification: Identification, answer: UpstreamAnswer): Observation

  /** A refusal in the terms that do this client no harm (no keys thrown away, no wipe, no password prompt). */
  refuse(request: RequestHead, refusal: Refusal): Answer

  /** Sends an unregistered client to the registration address in its own terms; undefined: it has none, refuse instead. */
  redirect(request: RequestHead, redirect: Redirect): Answer | undefined

  /** Does this path belong to the protocol, so that it is served on the gateway's own hosts (the VPN address) too? */
  claims(path: string): boolean

  /**
   * The answer that brings a client that is registered by now from the registration address back to the public one
   * (451 with X-MS-Location, autodiscover); undefined: it stays where it is until it comes by itself.
   */
  bringBack?(request: RequestHead, publicOrigin: string): Answer | undefined
}

export interface ClientRequest {
  readonly head: RequestHead
  /** Set when `readsBody` asked for it. As sent: decoding Content-Encoding is the protocol's own (bounded). */
  readonly body?: Uint8Array
  /** The secret of the binding link below which it came; its path is without it. */
  readonly bindingTicket?: string
  /** The company app has signed it: its key names the client, whatever else does. */
  readonly signedByApp?: true
}

export interface UpstreamAnswer {
  readonly status: number
  /** Names in lower case; the order and repetition of the upstream. */
  readonly headers: readonly (readonly [string, string])[]
  /** Set when `readsAnswer` asked for it and it was short enough; Content-Encoding already undone. */
  readonly body?: Uint8Array
}

export interface Observation {
  /**
   * The upstream has accepted the credentials of this user with this answer: a registration may be committed.
   * `keys` are the keys to register, when the answer names the client better than the request did (Matrix: the
   * answer holds the device id); otherwise the identification's.
   */
  readonly accepted?: {
    readonly user: string
    readonly keys?: readonly ClientKey[]
    readonly claimedId?: string
  }
  /**
   * Secrets that this answer gives to the client (access token, refresh token, web ticket): from now on they name
   * the client as well. Without a registration they only remember the user (a Lync ticket before its endpoint is known).
   */
  readonly grants?: readonly ClientKey[]
  /** The user whom these granted secrets belong to, when it is not `accepted.user`. */
  readonly grantedTo?: string
  /** Secrets that end with this answer (logout). */
  readonly revokes?: readonly ClientKey[]
  /** NTLM or Negotiate has signed this connection in as this user. */
  readonly connectionUser?: string
}

export interface Refusal {
  readonly reason: ReasonCode
  /** Status and sentence from the table of reasons. */
  readonly status: number
  readonly sentence: string
  /** The policy's own words on what to do. */
  readonly help?: string
  /** Seconds. */
  readonly retryAfter?: number
  /** The reference id that the user can give to the administrator. */
  readonly reference: string
  readonly identification?: Identification
  readonly decision?: Decision
  /** The user's own page about this device, absolute. */
  readonly statusPage?: string
  /** The path to open on this host once the user has done what the help says. */
  readonly tryAgain?: string
}

export interface Redirect {
  /** The policy's address, for example `https://register.vpn.example.com`. */
  readonly location: URL
  /** For navigations: the whole address to send a browser to, with the signed way back in it. */
  readonly navigationUrl: string
  readonly refusal: Refusal
}

/** What protocols are given beside their settings. */
export interface ProtocolDependencies {
  readonly now: () => number
  /** Verifies a JWT for a service; rejects with `TokenInvalid`. JWKS are fetched, cached and bounded behind it. */
  readonly verifyToken: VerifyToken
  /**
   * The user to whom a granted secret was given that belongs to no registration yet (see `Observation.grants`);
   * undefined when it is not known.
   */
  readonly userOfGrant: (key: ClientKey) => string | undefined | Promise<string | undefined>
}

export type VerifyToken = (
  token: string,
  settings: import('../domain/service.ts').BearerSettings,
) => Promise<Readonly<Record<string, unknown>>>

export type ProtocolFactory = (service: Service, dependencies: ProtocolDependencies) => ClientProtocol

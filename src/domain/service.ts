/** A protected upstream, as the settings describe it once they are checked: addresses parsed, defaults filled in. */
export interface Service {
  readonly name: string
  /** Lower case; the first is the public address that users are sent back to. `*.example.com` covers one label. */
  readonly hosts: readonly string[]
  readonly upstream: readonly URL[]
  readonly client: ClientSettings
  readonly mode: 'enforce' | 'monitor'
  /** Patterns of canonical paths that are reachable without a registered device; `*` covers a segment's rest, `/*` at the end everything below. */
  readonly public: readonly string[]
  readonly paths: PathRules
  /** Upgrade protocols that may pass, in lower case; `websocket` unless the settings say otherwise. */
  readonly upgrades: readonly string[]
  /** Values of Origin that may open a WebSocket when a cookie signs it in; empty: the service's own hosts. */
  readonly origins: readonly string[]
  /** Header names with underscores and the like that pass, in lower case. */
  readonly allowFields: readonly string[]
  /** Send the upstream the client's Host (default), or the upstream's own name. */
  readonly hostHeader: 'client' | 'upstream'
  readonly upstreamTls: {
    /** Files. */
    readonly ca: readonly string[]
    readonly verify: boolean
    readonly serverName?: string
  }
  readonly maxBody: number
  /** Answers over https carry HSTS (RFC 6797) unless the upstream's own does. */
  readonly hsts: boolean
}

export interface PathRules {
  readonly encodedSlash: boolean
  readonly parameters: boolean
  /** The upstream does not tell letter cases apart: `public` and the sign-in's path match in every case. */
  readonly caseInsensitive: boolean
}

export const clientKinds = ['browser', 'activesync', 'lync', 'matrix', 'bearer', 'generic'] as const
export type ClientKind = (typeof clientKinds)[number]

export type ClientSettings =
  | { readonly kind: 'browser'; readonly signIn: SignIn | 'none' }
  | { readonly kind: 'activesync' }
  | { readonly kind: 'lync' }
  | { readonly kind: 'matrix' }
  | { readonly kind: 'bearer'; readonly bearer: BearerSettings }
  | { readonly kind: 'generic'; readonly generic: GenericSettings }

/** Which request of a browser presents the user's credentials, and which answer accepts them. */
export interface SignIn {
  readonly method: string
  /** Pattern of a canonical path, as in `public`. */
  readonly path: string
  /** Where the user's name stands in that request. */
  readonly user: Extractor
  readonly success: {
    readonly status: readonly number[]
    /** A cookie of this name is set by the answer (to a non-empty value). */
    readonly setCookie?: string
    /** The answer's Location begins with, or does not begin with, this. */
    readonly location?: string
    readonly notLocation?: string
  }
}

/** Reads one value out of a request. Form fields and JSON members are read from a body of at most 64 KiB. */
export type Extractor =
  | { readonly from: 'header'; readonly name: string }
  | { readonly from: 'query'; readonly name: string }
  | { readonly from: 'cookie'; readonly name: string }
  | { readonly from: 'form'; readonly name: string }
  | { readonly from: 'json'; readonly name: string }
  | { readonly from: 'claim'; readonly name: string }
  | {
      readonly from: 'certificate'
      readonly name: 'commonName' | 'email' | 'upn' | 'serialNumber' | 'subject'
    }
  | { readonly from: 'basic' }

export interface BearerSettings {
  readonly issuer: string
  /** Undefined: discovered from the issuer's `/.well-known/openid-configuration`. */
  readonly jwks?: URL
  readonly audience: readonly string[]
  readonly algorithms: readonly string[]
  /** Claims that name the user, the device and the groups. */
  readonly userClaim: string
  readonly deviceClaim: string
  readonly groupsClaim?: string
}

export interface GenericSettings {
  /** The values that together name the device; all must be present. */
  readonly device: readonly Extractor[]
  readonly user: Extractor
  /** Set when one of the extractors reads a claim: how the JWT is verified. */
  readonly bearer?: BearerSettings
  /** Which requests sign in; undefined: each request carries credentials. */
  readonly signIn?: { readonly method: string; readonly path: string }
  /** Answers that accept the credentials. */
  readonly success: { readonly status: readonly number[] }
}

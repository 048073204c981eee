import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose'
import { LRUCache } from 'lru-cache'
import type { BearerSettings } from '../domain/service.ts'
import { sha256 } from '../lib/hash.ts'
import { isObject, stringMember } from '../lib/json.ts'
import type { VerifyToken } from './protocol.ts'

/** The token is expired, of another issuer, audience or type, or its signature is wrong. */
export class TokenInvalid extends Error {
  constructor(options?: ErrorOptions) {
    super('the token is not valid', options)
    this.name = 'TokenInvalid'
  }
}

/** The issuer's keys cannot be had, so that nothing can be said about its tokens. */
export class TokenKeysUnavailable extends Error {
  constructor(issuer: string, options?: ErrorOptions) {
    super(`the keys of ${issuer} cannot be fetched`, options)
    this.name = 'TokenKeysUnavailable'
  }
}

export interface TokenVerifierDependencies {
  /** GET without redirects, bounded in time and size. Rejects when there is no answer. */
  readonly fetch: (url: URL) => Promise<{ readonly status: number; readonly body: string }>
  readonly now: () => number
}

const longestToken = 16 * 1024
const clockTolerance = 30
/** Milliseconds: how long a verified token need not be verified again. */
const trustFor = 60_000

/**
 * Verifies JWTs (RFC 7519, RFC 8725) of any number of issuers. Their keys are fetched at first use, kept, and fetched
 * again when they are old or a token names an unknown one. A verified token is remembered by its hash for a minute.
 * @returns a function that rejects with TokenInvalid or TokenKeysUnavailable
 */
export function createTokenVerifier(deps: TokenVerifierDependencies): VerifyToken {
  const issuers = new WeakMap<BearerSettings, Issuer>()
  return async (token, settings) => {
    if (token.length > longestToken) throw new TokenInvalid()
    let issuer = issuers.get(settings)
    if (issuer === undefined) {
      issuer = new Issuer(settings, deps)
      issuers.set(settings, issuer)
    }
    return issuer.verify(token)
  }
}

class Issuer {
  readonly #settings: BearerSettings
  readonly #keys: KeySource
  readonly #now: () => number
  readonly #verified: LRUCache<string, JWTPayload>

  constructor(settings: BearerSettings, deps: TokenVerifierDependencies) {
    this.#settings = settings
    this.#keys = new KeySource(settings, deps)
    this.#now = deps.now
    this.#verified = new LRUCache({ max: 10_000, ttl: trustFor, perf: { now: deps.now } })
  }

  async verify(token: string): Promise<JWTPayload> {
    const hash = sha256(token)
    const known = this.#verified.get(hash)
    if (known !== undefined && (known.exp ?? 0) * 1000 > this.#now()) return known
    const payload = await this.#verifyAnew(token)
    this.#verified.set(hash, payload)
    return payload
  }

  async #verifyAnew(token: string): Promise<JWTPayload> {
    try {
      return await this.#check(token, await this.#keys.current())
    } catch (cause) {
      if (cause instanceof TokenKeysUnavailable) throw cause
      if (!(cause instanceof errors.JWKSNoMatchingKey)) throw new TokenInvalid({ cause })
    }
    try {
      return await this.#check(token, await this.#keys.renewed())
    } catch (cause) {
      throw cause instanceof TokenKeysUnavailable ? cause : new TokenInvalid({ cause })
    }
  }

  async #check(token: string, keys: KeySet): Promise<JWTPayload> {
    const { issuer, audience, algorithms } = this.#settings
    const { payload, protectedHeader } = await jwtVerify(token, keys, {
      issuer,
      audience: [...audience],
      // With a public key there is nothing that a shared secret or no signature at all could prove (RFC 8725, 2.1).
      algorithms: algorithms.filter((name) => !/^(?:none|HS)/i.test(name)),
      requiredClaims: ['exp'],
      clockTolerance,
      currentDate: new Date(this.#now()),
    })
    if (!accessTypes.has(protectedHeader.typ?.toLowerCase())) throw new TokenInvalid()
    return payload
  }
}

/** A logout token or a DPoP proof is signed by the same keys and means something else (RFC 8725, 3.11). */
const accessTypes: ReadonlySet<string | undefined> = new Set([
  undefined,
  'jwt',
  'at+jwt',
  'application/at+jwt',
])

type KeySet = ReturnType<typeof createLocalJWKSet>

/** Milliseconds. */
const keysOldAfter = 600_000
const keysGoneAfter = 86_400_000
const coolDown = 30_000
const largestDocument = 256 * 1024

/** The key set of one issuer. Callers that come while it is fetched share that fetch; failures cool down as well. */
class KeySource {
  readonly #settings: BearerSettings
  readonly #deps: TokenVerifierDependencies
  #keys: KeySet | undefined
  #fetchedAt = Number.NEGATIVE_INFINITY
  #triedAt = Number.NEGATIVE_INFINITY
  #fetching: Promise<void> | undefined

  constructor(settings: BearerSettings, deps: TokenVerifierDependencies) {
    this.#settings = settings
    this.#deps = deps
  }

  async current(): Promise<KeySet> {
    // A clock that was set back: how old they are is not known.
    const age = Math.abs(this.#deps.now() - this.#fetchedAt)
    if (this.#keys !== undefined && age < keysOldAfter) return this.#keys
    return this.renewed()
  }

  /** Keys as new as the cool-down allows; old ones still count for a day when the issuer does not answer. */
  async renewed(): Promise<KeySet> {
    const now = this.#deps.now()
    // By a clock that was ahead and is right again, the last try would be in the future for as long as it was ahead.
    if (this.#fetching === undefined && Math.abs(now - this.#triedAt) >= coolDown) {
      this.#triedAt = now
      this.#fetching = this.#fetch().finally(() => {
        this.#fetching = undefined
      })
    }
    const failure = await this.#fetching?.then(
      () => undefined,
      (cause: unknown) => ({ cause }),
    )
    if (this.#keys !== undefined && now - this.#fetchedAt < keysGoneAfter) return this.#keys
    throw new TokenKeysUnavailable(this.#settings.issuer, failure)
  }

  async #fetch(): Promise<void> {
    const document = await this.#document(this.#settings.jwks ?? (await this.#discover()))
    // createLocalJWKSet checks the document's shape and throws for any other.
    this.#keys = createLocalJWKSet(document as unknown as JSONWebKeySet)
    this.#fetchedAt = this.#deps.now()
  }

  /** OpenID Connect Discovery 1.0, section 4: the document has to be the issuer's own. */
  async #discover(): Promise<URL> {
    const { issuer } = this.#settings
    const document = await this.#document(
      new URL(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`),
    )
    const address = stringMember(document, 'jwks_uri')
    if (document.issuer !== issuer || address === undefined)
      throw new Error('the discovery document is of another issuer')
    return new URL(address)
  }

  async #document(url: URL): Promise<Readonly<Record<string, unknown>>> {
    if (!isGuarded(url)) throw new Error(`${url.origin} is neither https nor loopback`)
    const { status, body } = await this.#deps.fetch(url)
    if (status !== 200) throw new Error(`${url.origin} answered ${status}`)
    if (body.length > largestDocument) throw new Error(`the document of ${url.origin} is too large`)
    const document: unknown = JSON.parse(body)
    if (!isObject(document)) throw new Error(`the document of ${url.origin} is no JSON object`)
    return document
  }
}

/** Keys that came over an open network prove nothing. */
function isGuarded({ protocol, hostname, username, password }: URL): boolean {
  if (username !== '' || password !== '') return false
  return (
    protocol === 'https:' ||
    (protocol === 'http:' && /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(hostname))
  )
}

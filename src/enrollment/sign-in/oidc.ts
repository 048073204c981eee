import { readFileSync } from 'node:fs'
import * as openid from 'openid-client'
import { Agent, fetch as fetchWith } from 'undici'
import type { EnrollingUser } from '../../domain/enrolling-user.ts'
import { errorCode } from '../../lib/error-code.ts'
import type { OidcSettings } from '../../settings/build-enrollment.ts'
import { EnrollmentRefused } from '../refusals.ts'

/** What the browser keeps until it comes back, sealed: without it, an answer of the provider is worth nothing. */
export interface OidcTransaction {
  readonly state: string
  readonly nonce: string
  readonly verifier: string
}

/** Seconds for each call to the provider. */
const timeout = 10
/** Milliseconds. Providers move their endpoints when they are upgraded, and tell of it here alone. */
const readAgainAfter = 3_600_000

/** Sign-in at an OpenID provider: authorization code with PKCE, state and nonce. */
export class OidcSignIn {
  readonly #settings: OidcSettings
  readonly #redirectUri: string
  readonly #fetch: openid.CustomFetch | undefined
  readonly #agent: Agent | undefined
  readonly #monotonic: () => number
  #discovered: Promise<openid.Configuration> | undefined
  #discoveredAt = 0

  /** @param monotonic milliseconds that only grow */
  constructor(settings: OidcSettings, publicUrl: string, monotonic = () => performance.now()) {
    this.#settings = settings
    this.#monotonic = monotonic
    this.#redirectUri = `${publicUrl}${callbackPath}`
    this.#agent = settings.ca.length === 0 ? undefined : trusting(settings.ca)
    this.#fetch = this.#agent && fetchThrough(this.#agent)
  }

  /** Where the browser is to go, and what it is to keep. @throws EnrollmentRefused */
  async start(): Promise<{ readonly location: string; readonly transaction: OidcTransaction }> {
    const configuration = await this.#configuration()
    const transaction = {
      state: openid.randomState(),
      nonce: openid.randomNonce(),
      verifier: openid.randomPKCECodeVerifier(),
    }
    const location = openid.buildAuthorizationUrl(configuration, {
      redirect_uri: this.#redirectUri,
      scope: [...new Set(['openid', ...this.#settings.scopes])].join(' '),
      code_challenge: await openid.calculatePKCECodeChallenge(transaction.verifier),
      code_challenge_method: 'S256',
      state: transaction.state,
      nonce: transaction.nonce,
      // Whoever holds the phone must be asked, not whoever signed in on it last week.
      prompt: 'login',
    })
    return { location: location.href, transaction }
  }

  /** @param query of the request with which the browser came back @throws EnrollmentRefused */
  async finish(query: string, { state, nonce, verifier }: OidcTransaction): Promise<EnrollingUser> {
    const configuration = await this.#configuration()
    const { userClaim, groupsClaim } = this.#settings
    try {
      const tokens = await openid.authorizationCodeGrant(
        configuration,
        new URL(`${this.#redirectUri}?${query}`),
        { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier, idTokenExpected: true },
      )
      const claims = tokens.claims()
      if (claims === undefined) throw new EnrollmentRefused('sign-in.provider-refused')
      const hasAll = typeof claims[userClaim] === 'string' && claims[groupsClaim] !== undefined
      const more =
        hasAll || configuration.serverMetadata().userinfo_endpoint === undefined
          ? {}
          : await openid.fetchUserInfo(configuration, tokens.access_token, claims.sub)
      return toUser({ ...more, ...claims }, this.#settings)
    } catch (error) {
      throw asRefusal(error)
    }
  }

  async close(): Promise<void> {
    await this.#agent?.close()
  }

  /** Read anew now and then, and the one before stays when that fails; when there is none, anew for each who asks. */
  async #configuration(): Promise<openid.Configuration> {
    const [now, before] = [this.#monotonic(), this.#discovered]
    const isOld = now - this.#discoveredAt >= readAgainAfter
    const present =
      before === undefined ? this.#discover() : isOld ? this.#discover().catch(() => before) : before
    if (present !== before) this.#discoveredAt = now
    this.#discovered = present
    try {
      return await present
    } catch (error) {
      if (this.#discovered === present) this.#discovered = undefined
      throw new EnrollmentRefused('sign-in.unavailable', { cause: error })
    }
  }

  async #discover(): Promise<openid.Configuration> {
    const { issuer, clientId, clientSecret } = this.#settings
    const url = new URL(issuer)
    const configuration = await openid.discovery(
      url,
      clientId,
      {},
      clientSecret === undefined ? openid.None() : openid.ClientSecretBasic(clientSecret.reveal()),
      {
        timeout,
        ...(this.#fetch && { [openid.customFetch]: this.#fetch }),
        ...(isThisMachine(url) && { execute: [openid.allowInsecureRequests] }),
      },
    )
    return configuration
  }
}

const callbackPath = '/enroll/sign-in/callback'

function toUser(
  claims: Readonly<Record<string, unknown>>,
  { userClaim, groupsClaim }: OidcSettings,
): EnrollingUser {
  const name = claims[userClaim]
  if (typeof name !== 'string' || name === '')
    throw new EnrollmentRefused('sign-in.provider-refused', {
      cause: new Error(`the provider tells no claim ${userClaim}`),
    })
  // At many providers users type their address themselves. Some say it as text.
  if (userClaim === 'email' && (claims.email_verified === false || claims.email_verified === 'false'))
    throw new EnrollmentRefused('sign-in.provider-refused', {
      cause: new Error('the provider has not verified the address'),
    })
  const groups = claims[groupsClaim]
  return {
    name,
    groups: Array.isArray(groups) ? groups.filter((group) => typeof group === 'string') : [],
    ...(typeof claims.email === 'string' && { email: claims.email }),
    ...(typeof claims.name === 'string' && { fullName: claims.name }),
  }
}

/** A provider that is away, talks rubbish or does not know us any more is no verdict on the user. */
function asRefusal(error: unknown): unknown {
  if (error instanceof EnrollmentRefused) return error
  const away =
    noAnswers.has(errorCode(error) ?? '') ||
    (error instanceof openid.ResponseBodyError && ourFault.has(error.error)) ||
    // Names that cannot be resolved, connections that break: fetch has no code for them.
    (error instanceof TypeError && /^(fetch failed|terminated)$/.test(error.message))
  return new EnrollmentRefused(away ? 'sign-in.unavailable' : 'sign-in.provider-refused', { cause: error })
}

const noAnswers = new Set([
  'OAUTH_TIMEOUT',
  // The token endpoint asks who we are.
  'OAUTH_WWW_AUTHENTICATE_CHALLENGE',
  'OAUTH_PARSE_ERROR',
  'OAUTH_RESPONSE_IS_NOT_JSON',
  'OAUTH_RESPONSE_IS_NOT_CONFORM',
])
/** RFC 6749, 5.2: our own registration at the provider is wrong, or it is busy. */
const ourFault = new Set(['invalid_client', 'unauthorized_client', 'temporarily_unavailable', 'server_error'])

/** Plain http is for tests and evaluation on this machine; nobody is in between there. */
function isThisMachine({ protocol, hostname }: URL): boolean {
  return protocol === 'http:' && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname)
}

function trusting(ca: readonly string[]): Agent {
  return new Agent({ connect: { ca: ca.map((file) => readFileSync(file, 'utf8')) } })
}

function fetchThrough(dispatcher: Agent): openid.CustomFetch {
  return async (url, { body, headers, method, redirect, signal }) => {
    const answer = await fetchWith(url, {
      method,
      headers,
      redirect,
      dispatcher,
      ...(body !== undefined && body !== null && { body: body as string | URLSearchParams }),
      ...(signal && { signal }),
    })
    // Undici's Response and the global one are the same class in two copies.
    return answer as unknown as Response
  }
}

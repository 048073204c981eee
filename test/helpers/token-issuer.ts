import { type CryptoKey, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import type { Test } from 'tap'
import { startSimulation } from '../../sim/simulation.ts'

export interface TokenIssuer {
  readonly issuer: string
  readonly audience: string
  readonly privateKey: CryptoKey
  readonly publicKey: CryptoKey
  /** A token that a gateway with `settings` accepts, but for what is said here. */
  sign(claims: JWTPayload, but?: TokenOptions): Promise<string>
  /** The `bearer` block of a service's settings, in YAML flow style. */
  readonly settings: string
  /** From now on tokens are signed by a new key, which is published. */
  rotate(): Promise<void>
  close(): Promise<void>
}

export interface TokenOptions {
  readonly issuer?: string
  readonly audience?: string
  /** Seconds since the epoch. */
  readonly expires?: number
  readonly key?: CryptoKey
  readonly type?: string
}

/** An OAuth issuer of JWT access tokens with its keys and discovery document on a real socket. */
export async function tokenIssuer(t: Test): Promise<TokenIssuer> {
  let generation = 1
  let pair = await generateKeyPair('ES256', { extractable: true })
  const server = await startSimulation({ port: 0 }, async (exchange) => {
    if (exchange.url.pathname === '/.well-known/openid-configuration')
      return exchange.json(200, { issuer: server.url, jwks_uri: `${server.url}/keys` })
    const jwk = await exportJWK(pair.publicKey)
    exchange.json(200, { keys: [{ ...jwk, kid: `k${generation}`, use: 'sig' }] })
  })
  t.teardown(() => server.close())
  const issuer = server.url
  const audience = 'https://api.localhost'
  return {
    issuer,
    audience,
    ...pair,
    settings: `{ issuer: "${issuer}", audience: ["${audience}"], user: upn, device: deviceid, groups: groups }`,
    sign: (claims, but = {}) =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: 'ES256', kid: `k${generation}`, typ: but.type ?? 'at+jwt' })
        .setIssuer(but.issuer ?? issuer)
        .setAudience(but.audience ?? audience)
        .setIssuedAt()
        .setExpirationTime(but.expires ?? Math.floor(Date.now() / 1000) + 3600)
        .sign(but.key ?? pair.privateKey),
    async rotate() {
      generation++
      pair = await generateKeyPair('ES256', { extractable: true })
    },
    close: () => server.close(),
  }
}

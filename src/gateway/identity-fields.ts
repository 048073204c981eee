import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import type { DeviceState } from '../domain/registration.ts'
import { sha256 } from '../lib/hash.ts'
import type { Assessment } from './assess.ts'

/**
 * What the upstream is told of the client, in fields that no client can set: who, which device, by which rule, and a
 * short JWT (RFC 7519, EdDSA) over the same, for upstreams that verify rather than trust their network. Its keys are at
 * `/.gatehouse/jwks.json`.
 */
export interface IdentityFields {
  /** Flat: name, value. Empty for clients that are not registered. */
  of(assessment: Assessment): readonly string[]
  readonly jwks: { readonly keys: readonly Record<string, unknown>[] }
}

/** Seconds. A token is used again for the requests of the same device until a minute before its end. */
const tokenLife = 300
const reuseFor = 240_000

export interface IdentityFieldOptions {
  /** Ed25519 private key, PKCS #8 PEM: `generateIdentityKey()`, kept in the record. */
  readonly privateKey: string
  readonly issuer: string
  readonly now: () => number
}

export function generateIdentityKey(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

export function createIdentityFields({ privateKey, issuer, now }: IdentityFieldOptions): IdentityFields {
  const key = createPrivateKey(privateKey)
  const jwk = createPublicKey(key).export({ format: 'jwk' })
  const kid = sha256(JSON.stringify({ crv: jwk.crv, kty: jwk.kty, x: jwk.x })) // RFC 7638
  const header = encode({ alg: 'EdDSA', typ: 'JWT', kid })
  // By the state itself: it goes with the hot copy, and a changed device has a new one.
  const issued = new WeakMap<DeviceState, Map<string, Issued>>()

  function of({ state, decision }: Assessment): readonly string[] {
    if (state === undefined) return []
    const rule = decision.rule ?? ''
    const known = issued.get(state)?.get(rule)
    const at = now()
    if (known !== undefined && at - known.at < reuseFor && at >= known.at) return known.fields
    const fields = issue(state, rule, at)
    const ofState = issued.get(state) ?? new Map<string, Issued>()
    issued.set(state, ofState.set(rule, { at, fields }))
    return fields
  }

  function issue({ registration, posture }: DeviceState, rule: string, at: number): string[] {
    const iat = Math.floor(at / 1000)
    const claims = {
      iss: issuer,
      aud: registration.service,
      sub: registration.user,
      device: registration.id,
      binding: registration.binding,
      posture: posture.state,
      rule,
      iat,
      exp: iat + tokenLife,
    }
    return [
      ...['Gatehouse-User', visible(registration.user)],
      ...['Gatehouse-Device', registration.id],
      ...['Gatehouse-Rule', visible(rule)],
      ...['Gatehouse-Token', signToken(header, claims, key)],
    ]
  }

  return { of, jwks: { keys: [{ ...jwk, kid, use: 'sig', alg: 'EdDSA' }] } }
}

interface Issued {
  readonly at: number
  readonly fields: readonly string[]
}

function signToken(header: string, claims: object, key: KeyObject): string {
  const input = `${header}.${encode(claims)}`
  return `${input}.${sign(null, Buffer.from(input), key).toString('base64url')}`
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

/** Percent-encodes what is not visible ASCII, and `%` itself: a name from outside can neither end the field nor pose as another. */
function visible(text: string): string {
  return encodeURIComponent(text.slice(0, 256).toWellFormed()).replaceAll('%40', '@').replaceAll('%20', ' ')
}

import { createPublicKey, type KeyObject } from 'node:crypto'
import { z } from 'zod'
import { isUsablePoint } from './ed25519-point.ts'
import { sha256 } from './hash.ts'

/** 32 bytes in base64url: 43 characters, the last of which has two bits to spare that must be zero. */
const coordinate = z.string().regex(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/)
const members = {
  kid: z.string().max(256).exactOptional(),
  use: z.literal('sig').exactOptional(),
  key_ops: z
    .array(z.enum(['verify']))
    .max(1)
    .exactOptional(),
  ext: z.boolean().exactOptional(),
}
const schema = z.discriminatedUnion('kty', [
  z.strictObject({
    ...members,
    kty: z.literal('EC'),
    crv: z.literal('P-256'),
    alg: z.literal('ES256').exactOptional(),
    x: coordinate,
    y: coordinate,
  }),
  z.strictObject({
    ...members,
    kty: z.literal('OKP'),
    crv: z.literal('Ed25519'),
    alg: z.enum(['EdDSA', 'Ed25519']).exactOptional(),
    x: coordinate,
  }),
])

export interface PublicJwk {
  readonly key: KeyObject
  /** RFC 7638, SHA-256, base64url. */
  readonly thumbprint: string
  /** The members that make up the key, in the order of RFC 7638. */
  readonly json: string
}

/**
 * A public key as a JWK (RFC 7517): P-256 or Ed25519, on its curve, without a private part or anything unknown.
 * @returns undefined for everything else
 */
export function readPublicJwk(value: unknown): PublicJwk | undefined {
  const { data } = schema.safeParse(value)
  if (data === undefined) return undefined
  const { kty, crv, x } = data
  const required = data.kty === 'EC' ? { crv, kty, x, y: data.y } : { crv, kty, x }
  if (kty === 'OKP' && !isUsablePoint(Buffer.from(x, 'base64url'))) return undefined
  try {
    const json = JSON.stringify(required)
    // OpenSSL refuses a point that is not on the curve.
    return { key: createPublicKey({ key: required, format: 'jwk' }), thumbprint: sha256(json), json }
  } catch {
    return undefined // a point that is not on the curve: nobody needs to know how it was refused
  }
}

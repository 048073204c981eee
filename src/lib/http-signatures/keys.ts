import { createSecretKey, type KeyObject } from 'node:crypto'
import { SignatureProblem } from './problem.ts'

/** The names of RFC 9421's registry. */
export type SignatureAlgorithm = 'hmac-sha256' | 'ecdsa-p256-sha256' | 'ed25519'

/**
 * A key with the one algorithm that it is for. The message never chooses: `alg` of a message may only agree, so that
 * neither `none` nor a public key taken for an HMAC secret can be asked for.
 */
export interface SignatureKey {
  readonly algorithm: SignatureAlgorithm
  readonly key: KeyObject
}

const leastSecret = 32

/** @throws SignatureProblem when the secret has less than 256 bits */
export function sharedKey(secret: Uint8Array): SignatureKey {
  if (secret.length < leastSecret) throw new SignatureProblem('key', 'the secret has less than 256 bits')
  return { algorithm: 'hmac-sha256', key: createSecretKey(secret) }
}

/** A public or private key of P-256 or Ed25519. @throws SignatureProblem for every other */
export function asymmetricKey(key: KeyObject): SignatureKey {
  if (key.type !== 'secret' && key.asymmetricKeyType === 'ed25519') return { algorithm: 'ed25519', key }
  if (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1')
    return { algorithm: 'ecdsa-p256-sha256', key }
  throw new SignatureProblem('key', 'the key is neither P-256 nor Ed25519')
}

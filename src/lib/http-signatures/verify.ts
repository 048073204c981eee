import { createHmac, sign as signBytes, timingSafeEqual, verify as verifyBytes } from 'node:crypto'
import type { SignatureKey } from './keys.ts'
import { SignatureProblem } from './problem.ts'
import type { MessageSignature, SignatureParameters } from './signature.ts'
import { type HttpMessage, signatureBase } from './signature-base.ts'
import { type BareItem, type InnerList, serialiseInnerList } from './structured-fields.ts'

/**
 * Does the signature fit the message under this key? Times and nonces are the caller's to judge.
 * @throws SignatureProblem when it covers what the message does not have, or names another algorithm than the key's
 */
export function verifySignature(
  signature: MessageSignature,
  message: HttpMessage,
  key: SignatureKey,
): boolean {
  const { alg } = signature.parameters
  if (alg !== undefined && alg !== key.algorithm)
    throw new SignatureProblem('algorithm', 'the algorithm is not that of the key')
  const base = Buffer.from(signatureBase(signature, message), 'latin1')
  switch (key.algorithm) {
    case 'hmac-sha256': {
      const expected = hmac(base, key)
      return expected.length === signature.bytes.length && timingSafeEqual(expected, signature.bytes)
    }
    case 'ecdsa-p256-sha256':
      return signature.bytes.length === 64 && verifyBytes('sha256', base, ecdsa(key), signature.bytes)
    case 'ed25519':
      return signature.bytes.length === 64 && verifyBytes(null, base, key.key, signature.bytes)
  }
}

export interface Signing {
  readonly label: string
  readonly components: readonly string[]
  /** In the order in which they are written. */
  readonly parameters: SignatureParameters
}

/** @returns the values of Signature-Input and Signature, and what was signed */
export function signMessage(
  { label, components, parameters }: Signing,
  message: HttpMessage,
  key: SignatureKey,
): { readonly input: string; readonly signature: string; readonly base: string } {
  const none: ReadonlyMap<string, BareItem> = new Map()
  const input: InnerList = {
    items: components.map((value) => ({ value, parameters: none })),
    parameters: new Map(Object.entries(parameters)),
  }
  const base = signatureBase({ components, input }, message)
  const bytes = produce(Buffer.from(base, 'latin1'), key)
  return {
    base,
    input: `${label}=${serialiseInnerList(input)}`,
    signature: `${label}=:${bytes.toString('base64')}:`,
  }
}

function produce(base: Buffer, key: SignatureKey): Buffer {
  switch (key.algorithm) {
    case 'hmac-sha256':
      return hmac(base, key)
    case 'ecdsa-p256-sha256':
      return signBytes('sha256', base, ecdsa(key))
    case 'ed25519':
      return signBytes(null, base, key.key)
  }
}

function hmac(base: Buffer, { key }: SignatureKey): Buffer {
  return createHmac('sha256', key).update(base).digest()
}

/** r and s one after the other (RFC 9421, 3.3.4), not in DER. */
function ecdsa({ key }: SignatureKey) {
  return { key, dsaEncoding: 'ieee-p1363' } as const
}

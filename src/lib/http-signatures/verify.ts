import { createHmac, timingSafeEqual, verify as verifyBytes } from 'node:crypto'
import type { SignatureKey } from './keys.ts'
import { SignatureProblem } from './problem.ts'
import type { MessageSignature } from './signature.ts'
import { type HttpMessage, signatureBase } from './signature-base.ts'

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

function hmac(base: Buffer, { key }: SignatureKey): Buffer {
  return createHmac('sha256', key).update(base).digest()
}

/** r and s one after the other (RFC 9421, 3.3.4), not in DER. */
function ecdsa({ key }: SignatureKey) {
  return { key, dsaEncoding: 'ieee-p1363' } as const
}

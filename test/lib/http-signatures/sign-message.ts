import { createHmac, sign as signBytes } from 'node:crypto'
import type { SignatureKey } from '../../../src/lib/http-signatures/keys.ts'
import type { SignatureParameters } from '../../../src/lib/http-signatures/signature.ts'
import { type HttpMessage, signatureBase } from '../../../src/lib/http-signatures/signature-base.ts'
import {
  type BareItem,
  type InnerList,
  serialiseInnerList,
} from '../../../src/lib/http-signatures/structured-fields.ts'

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
      return createHmac('sha256', key.key).update(base).digest()
    case 'ecdsa-p256-sha256':
      return signBytes('sha256', base, { key: key.key, dsaEncoding: 'ieee-p1363' })
    case 'ed25519':
      return signBytes(null, base, key.key)
  }
}

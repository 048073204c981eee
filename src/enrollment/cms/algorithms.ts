import type { Asn1 } from '../asn1/asn1.ts'
import { oids } from '../asn1/oids.ts'
import { childrenOf, oidOf } from '../asn1/read.ts'
import type { Cipher, Digest } from './cms.ts'

export const digestOids: Readonly<Record<Digest, string>> = {
  sha1: oids.sha1,
  sha256: oids.sha256,
  sha384: oids.sha384,
  sha512: oids.sha512,
}

export interface CipherFacts {
  readonly oid: string
  readonly keyLength: number
  readonly blockLength: number
}

export const ciphers: Readonly<Record<Cipher, CipherFacts>> = {
  'aes-128-cbc': { oid: oids.aes128Cbc, keyLength: 16, blockLength: 16 },
  'aes-192-cbc': { oid: oids.aes192Cbc, keyLength: 24, blockLength: 16 },
  'aes-256-cbc': { oid: oids.aes256Cbc, keyLength: 32, blockLength: 16 },
  'des-ede3-cbc': { oid: oids.tripleDesCbc, keyLength: 24, blockLength: 8 },
}

interface SignatureAlgorithm {
  readonly keyType: 'rsa' | 'ec'
  /** Absent: the digest algorithm of the signer info counts. */
  readonly digest?: Digest
}

const signatures: Readonly<Record<string, SignatureAlgorithm>> = {
  [oids.rsaEncryption]: { keyType: 'rsa' },
  [oids.sha1WithRsa]: { keyType: 'rsa', digest: 'sha1' },
  [oids.sha256WithRsa]: { keyType: 'rsa', digest: 'sha256' },
  [oids.sha384WithRsa]: { keyType: 'rsa', digest: 'sha384' },
  [oids.sha512WithRsa]: { keyType: 'rsa', digest: 'sha512' },
  [oids.ecdsaWithSha1]: { keyType: 'ec', digest: 'sha1' },
  [oids.ecdsaWithSha256]: { keyType: 'ec', digest: 'sha256' },
  [oids.ecdsaWithSha384]: { keyType: 'ec', digest: 'sha384' },
  [oids.ecdsaWithSha512]: { keyType: 'ec', digest: 'sha512' },
}

/** The name of an AlgorithmIdentifier. @throws {Asn1Error} */
export function algorithmOid(node: Asn1 | undefined): string {
  return oidOf(childrenOf(node)[0])
}

export function digestOf(oid: string): Digest | undefined {
  return (Object.keys(digestOids) as Digest[]).find((name) => digestOids[name] === oid)
}

export function signatureOf(oid: string): SignatureAlgorithm | undefined {
  return Object.hasOwn(signatures, oid) ? signatures[oid] : undefined
}

export function cipherOf(oid: string): Cipher | undefined {
  return (Object.keys(ciphers) as Cipher[]).find((name) => ciphers[name].oid === oid)
}

/** Why a certificate does not hold any more (RFC 5280, 5.3.1), by the number that stands in the revocation list. */
export const revocationReasons = {
  unspecified: 0,
  keyCompromise: 1,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  privilegeWithdrawn: 9,
} as const
export type RevocationReason = keyof typeof revocationReasons

/** What a certificate is for: a device's identity, or our signature on profiles. */
export const certificatePurposes = ['device', 'profiles'] as const
export type CertificatePurpose = (typeof certificatePurposes)[number]

/** Stands for the CA behind a proxied SCEP server. */
export const proxiedAuthority = 'scep-proxy'

/**
 * What stands in place of the serial number of a certificate that a SCEP server behind has issued: its public key. Serials of another
 * CA are not ours to be unique, and a certificate that it makes for the same key again is refused like the first.
 * @param publicKey SHA-256 of the SubjectPublicKeyInfo, base64url
 */
export function proxiedSerial(publicKey: string): string {
  const hex = Buffer.from(publicKey, 'base64url').toString('hex').toUpperCase()
  return hex.replace(/^0+(?=.)/, '')
}

/** What `proxiedSerial` was made of. */
export function proxiedKeyOf(serial: string): string {
  return Buffer.from(serial.padStart(64, '0'), 'hex').toString('base64url')
}

/** A certificate that our CA has issued, or one that a SCEP server behind has issued through us. Times are milliseconds since the epoch. */
export interface IssuedCertificate {
  /** Hexadecimal, upper case, without leading zeros, as Node and OpenSSL print it; `proxiedSerial` of one of a server behind. */
  readonly serial: string
  /** Id of the authority that has signed it, or `proxiedAuthority`. */
  readonly authority: string
  readonly purpose: CertificatePurpose
  /** SHA-256 of its DER, base64url. */
  readonly fingerprint: string
  /** SHA-256 of its SubjectPublicKeyInfo, base64url. */
  readonly publicKey: string
  /** The enrollment that it was issued for: the common name of its subject. */
  readonly enrollment: string
  readonly user?: string
  /** DER, base64. */
  readonly certificate: string
  readonly notBefore: number
  readonly notAfter: number
  readonly issuedAt: number
  /** The SCEP transaction that asked for it. */
  readonly transaction?: string
  /** Hash of the challenge that allowed it. */
  readonly challenge?: string
  /** Serial of the certificate that it renews: it was asked for with that one's key, or with a challenge that was made for its holder. */
  readonly predecessor?: string
  /** PayloadIdentifier of the managed profile that it came with; undefined: it is the identity with which a device is managed. */
  readonly profile?: string
  /** Of an account-driven enrollment: the account that its profile names. */
  readonly managedAppleId?: string
  readonly revoked?: Revocation
}

export interface Revocation {
  readonly at: number
  readonly by: string
  readonly why: string
  readonly reason: RevocationReason
}

/** A certificate authority of ours: its certificates only. The private key is a file. */
export interface CertificateAuthority {
  /** Such as `ca_7c1q…`; the name of its key's file. */
  readonly id: string
  /** `own`: made here. `external`: an enterprise CA of which we were given certificate and key. */
  readonly kind: 'own' | 'external'
  /** PEM. */
  readonly certificate: string
  /** PEM of the certificates above it, the root last; empty for one that signs itself. */
  readonly chain: string
  readonly createdAt: number
  /** Since when another one issues. It stays trusted until its last certificate has ended. */
  readonly retiredAt?: number
}

/** A one-time password of one device for one certificate. The password itself is stored nowhere. */
export interface ScepChallenge {
  /** SHA-256 of it, base64url. */
  readonly hash: string
  /** What the certificate will name, whatever the request asks for. A request that names another one is refused. */
  readonly enrollment: string
  readonly user?: string
  readonly createdAt: number
  readonly expiresAt: number
  /** Used by this key (SHA-256 of the SubjectPublicKeyInfo): the same key may ask again, since answers get lost. */
  readonly usedBy?: string
  /** The rights that the profile with this challenge asks for, as a number (`domain/access-rights.ts`). */
  readonly accessRights?: number
  /** Serial of the certificate that its certificate takes the place of. */
  readonly renews?: string
  /** As in its certificate. */
  readonly profile?: string
  readonly managedAppleId?: string
}
